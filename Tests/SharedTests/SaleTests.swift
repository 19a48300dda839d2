import Shared
import TestSupport
import Testing

@Suite struct `Names of sales and orders` {
    @Test(arguments: ["a", "0", "-", "drop-2026-11-26", String(repeating: "z", count: 32)])
    func `a sale's name is written as it is read`(_ text: String) throws {
        let sale = try #require(SaleID(text))
        #expect(sale.description == text)
        #expect(SaleID(text) == sale)
        var buffer = ByteBuffer()
        buffer.appendOrderID(sale, position: 17)
        #expect(buffer.string == "\(text)-17")
        let order = try #require(buffer.string.withBytes { OrderID($0) })
        #expect(order == OrderID(sale: sale, position: 17))
        #expect(order.description == "\(text)-17")
    }

    @Test(arguments: ["", "A", "a_b", "a b", "a/b", "ä", "a\u{0}", "a.b", "{a}", String(repeating: "z", count: 33)])
    func `anything else is not a sale's name`(_ text: String) { #expect(SaleID(text) == nil) }

    @Test func `names that differ in one byte are different sales`() {
        let names = ["a", "aa", "a-", String(repeating: "a", count: 31), String(repeating: "a", count: 32), "b", "0"]
        #expect(Set(names.map { SaleID($0)! }).count == names.count)
    }

    @Test func `sales are in the order of their names`() {
        let long = String(repeating: "z", count: 7)
        let names = [
            "-", "0", "a", "a-", "a0", "aa", "b", long, long + "0", long + "0a", long + "1", long + long + "-",
        ]
        #expect(names.shuffled().map { SaleID($0)! }.sorted().map(\.description) == names)
    }

    @Test(arguments: [
        "", "a", "-1", "a-", "a-0", "a-01", "a--", "a-1x", "a-+1", "A-1", "a-1234567890123456789", "a 1", "a-1-",
    ])
    func `an order has one way to be written`(_ text: String) {
        #expect(text.withBytes { OrderID($0) } == nil)
    }

    @Test func `keys of one sale share a hash tag`() {
        let keys = SaleKeys(SaleID("demo")!)
        let all = [keys.sale, keys.stock, keys.position, keys.buyers, keys.orders, keys.deadLetters]
        #expect(
            all == [
                "sale:{demo}", "sale:{demo}:stock", "sale:{demo}:position", "sale:{demo}:buyers", "sale:{demo}:orders",
                "sale:{demo}:dlq",
            ])
    }
}

@Suite struct `A buyer's wins` {
    @Test func `are read from the text that purchase.lua writes`() {
        let wins = Win.parse("k_1 3 2 1700000000000 1;other 17 1 1700000000001 2")
        #expect(
            wins == [
                Win(key: "k_1", position: 3, quantity: 2, securedAt: UnixMilliseconds(1_700_000_000_000), epoch: 1),
                Win(key: "other", position: 17, quantity: 1, securedAt: UnixMilliseconds(1_700_000_000_001), epoch: 2),
            ])
        #expect(Win.parse("") == [])
    }

    @Test(arguments: [
        "k", "k 1 1 1", "k 1 1 1 1;", ";k 1 1 1 1", "k x 1 1 1", "k 1 1 1 1 1", "k  1 1 1 1", "k 1 1 1.0 1",
        "k 1 1 1 1 ", " 1 1 1 1", "k +1 1 1 1", "k 1 1 -1 1", "k 0 1 1 1", "k 1 1 1 0", "k 1 1 1 1;;k 2 1 1 1", ";",
    ])
    func `are not read from any other text`(_ text: String) { #expect(Win.parse(text) == nil) }
}

@Suite struct `A sale's state` {
    private func state(
        opens: Int? = nil, closes: Int? = nil, remaining: Int = 1, paused: Bool = false
    ) -> SaleStatus.State {
        SaleStatus(
            sale: SaleID("s")!, uuid: "u", title: "t", stockTotal: 1, remaining: remaining, position: 0, maxPerBuyer: 1,
            settings: SaleSettings(
                opensAt: opens.map { UnixMilliseconds($0) }, closesAt: closes.map { UnixMilliseconds($0) },
                paused: paused),
            epoch: 1, servingRunID: "r", persistedPosition: 0, readAt: UnixMilliseconds(1000)
        ).state
    }

    @Test func `is the first that holds of ended, scheduled, sold out, paused, open`() {
        #expect(state(opens: 2000, closes: 1000, remaining: 0, paused: true) == .ended)
        #expect(state(opens: 1001, closes: 2000, remaining: 0, paused: true) == .scheduled)
        #expect(state(opens: 1000, remaining: 0, paused: true) == .soldOut)
        #expect(state(opens: 1000, closes: 1001, paused: true) == .paused)
        #expect(state(opens: 1000, closes: 1001) == .open)
        #expect(state() == .open)
        #expect(SaleStatus.State.soldOut.rawValue == "sold_out")
    }
}

@Suite struct `A wall-clock time` {
    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000Z"), (1, "1970-01-01T00:00:00.001Z"), (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (1_795_723_199_999, "2026-11-26T19:59:59.999Z"), (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
    ])
    func `is written in UTC with milliseconds, and read back`(_ value: Int, _ text: String) {
        #expect(UnixMilliseconds(value).rfc3339 == text)
        #expect(UnixMilliseconds(rfc3339: text) == UnixMilliseconds(value))
    }

    @Test func `agrees with the C library on each day of four centuries`() {
        // timegm of the C library reads it, independently of how it was written.
        let wrong = (0..<160_000).first { day in
            let time = UnixMilliseconds((day * 86_400 + day * 7919 % 86_400) * 1000 + day % 1000)
            return UnixMilliseconds(rfc3339: time.rfc3339) != time
        }
        #expect(wrong == nil)
    }

    @Test(arguments: [
        ("2026-11-26T20:00:00Z", 1_795_723_200_000), ("2026-11-26t20:00:00z", 1_795_723_200_000),
        ("2026-11-26 20:00:00Z", 1_795_723_200_000), ("2026-11-26T21:00:00+01:00", 1_795_723_200_000),
        ("2026-11-26T15:30:00-04:30", 1_795_723_200_000), ("2026-11-26T20:00:00.5Z", 1_795_723_200_500),
        ("2026-11-26T20:00:00.123456789Z", 1_795_723_200_123), ("2024-02-29T00:00:00Z", 1_709_164_800_000),
    ])
    func `is read with any offset and fraction`(_ text: String, _ value: Int) {
        #expect(UnixMilliseconds(rfc3339: text) == UnixMilliseconds(value))
    }

    @Test(arguments: [
        "", "now", "2026-11-26", "2026-11-26T20:00:00", "2026-11-26T20:00Z", "2026-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z",
        "2026-11-26T24:00:00Z", "2026-11-26T20:60:00Z", "2026-11-26T20:00:60Z", "2026-11-26T20:00:00.Z",
        "2026-11-26T20:00:00.1234567890Z", "2026-11-26T20:00:00+1:00", "2026-11-26T20:00:00+24:00",
        "2026-11-26T20:00:00Zx", "2026-11-26T20:00:00+01:00x", "26-11-26T20:00:00Z", "2026-11-26X20:00:00Z",
        "2026-11-26T20:00:00,5Z", "+026-11-26T20:00:00Z", "1969-12-31T23:59:59Z", "1970-01-01T00:00:00+01:00",
    ])
    func `is not read from any other text, and is never before 1970`(_ text: String) {
        #expect(UnixMilliseconds(rfc3339: text) == nil)
    }
}
