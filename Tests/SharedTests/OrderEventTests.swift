import Shared
import TestSupport
import Testing

@Suite struct `An entry of the orders stream` {
    private static let sale = SaleID("demo")!

    private static let order = [
        "v": "1", "kind": "order", "order": "demo-7", "position": "7", "buyer": "b1", "quantity": "2", "key": "k-1",
        "trace": "0af7651916cd43dd8448eb211c80319c", "at_ms": "1700000000000", "epoch": "3",
    ]
    private static let create = [
        "v": "1", "kind": "create", "sale": "demo", "uuid": "u-1", "title": "Zoë's drop", "stock": "10",
        "max_per_buyer": "2", "opens_at": "0", "closes_at": "1700000000000",
        "pseudonym_key": String(repeating: "ab", count: 32), "at_ms": "5",
        "epoch": "1",
    ]

    private func read(_ fields: [String: String]) throws(OrderEvent.Malformed) -> OrderEvent {
        try OrderEvent(sale: Self.sale, fields: fields.map { (name: $0.key, value: $0.value) })
    }

    private func problem(_ fields: [String: String]) -> String {
        do throws(OrderEvent.Malformed) {
            return "understood: \(try read(fields))"
        } catch {
            return error.message
        }
    }

    @Test func `about an order is read`() throws {
        let expected = Order(
            id: OrderID(sale: Self.sale, position: 7), buyer: "b1", quantity: 2, key: "k-1",
            trace: "0af7651916cd43dd8448eb211c80319c", securedAt: UnixMilliseconds(1_700_000_000_000), epoch: 3)
        #expect(try read(Self.order) == .order(expected))
        #expect(try read(Self.order.merging(["more": "of a later release"]) { $1 }) == .order(expected))
    }

    @Test func `about a new sale is read; 0 stands for an unset time`() throws {
        guard case .create(let record) = try read(Self.create) else {
            Issue.record("not a create event")
            return
        }
        #expect(record.uuid == "u-1")
        #expect(record.title == "Zoë's drop")
        #expect(record.stockTotal == 10)
        #expect(record.maxPerBuyer == 2)
        #expect(record.settings.opensAt == nil)
        #expect(record.settings.closesAt == UnixMilliseconds(1_700_000_000_000))
        #expect(record.createdAt == UnixMilliseconds(5))
    }

    @Test func `about a waiting room has its schedule and its window`() throws {
        let fields = ["admission": "5 0 2000;9 8 1 paused", "turn_window_ms": "120000"]
        let room = WaitingRoom(admission: "5 0 2000;9 8 1 paused", turnWindow: 120_000)
        guard case .create(let record) = try read(Self.create.merging(fields) { $1 }) else {
            Issue.record("not a create event")
            return
        }
        #expect(record.settings.waitingRoom == room)
        let set = ["v": "1", "kind": "set", "at_ms": "7", "epoch": "1"]
        #expect(try read(set.merging(fields) { $1 }) == .set(SettingsChange(waitingRoom: room)))
        #expect(problem(set.merging(["admission": "5 0 2000"]) { $1 }) == "field turn_window_ms is missing")
        #expect(
            problem(set.merging(["admission": "5 0", "turn_window_ms": "120000"]) { $1 })
                == "field admission is not a schedule")
    }

    @Test func `that changes settings says which, and an earlier release's says all`() throws {
        let set = ["v": "1", "kind": "set", "at_ms": "7", "epoch": "1"]
        func read(_ fields: [String: String]) throws -> OrderEvent { try self.read(set.merging(fields) { $1 }) }
        #expect(try read(["paused": "1"]) == .set(SettingsChange(paused: true)))
        #expect(try read(["closes_at": "9"]) == .set(SettingsChange(closesAt: .some(UnixMilliseconds(9)))))
        #expect(
            try read(["title": "T", "opens_at": "0", "closes_at": "0", "paused": "0"])
                == .set(SettingsChange(title: "T", opensAt: .some(nil), closesAt: .some(nil), paused: false)))
        let later = set.merging(["of_a_later_release": "1"]) { $1 }
        #expect(problem(later) == "it changes no setting that this release knows")
    }

    @Test func `that starts a stream again says whether the sale is paused`() throws {
        guard case .create(let record) = try read(Self.create.merging(["paused": "1"]) { $1 }) else {
            Issue.record("not a create event")
            return
        }
        #expect(record.settings.paused)
    }

    @Test func `that archives a sale, or changes its stock, is read`() throws {
        #expect(try read(["v": "1", "kind": "archive", "at_ms": "7"]) == .archive(at: UnixMilliseconds(7)))
        #expect(
            try read(["v": "1", "kind": "restock", "units": "-3", "at_ms": "7"])
                == .restock(units: -3, at: UnixMilliseconds(7)))
    }

    @Test(arguments: ["v", "kind", "order", "position", "buyer", "quantity", "key", "trace", "at_ms", "epoch"])
    func `about an order without one of its fields is refused, naming the field`(_ field: String) {
        #expect(problem(Self.order.filter { $0.key != field }) == "field \(field) is missing")
        #expect(problem(Self.order.merging([field: ""]) { $1 }) == "field \(field) is empty")
    }

    @Test(arguments: [
        "uuid", "title", "stock", "max_per_buyer", "opens_at", "closes_at", "pseudonym_key", "at_ms", "epoch",
    ])
    func `about a sale without one of its fields is refused, naming the field`(_ field: String) {
        #expect(problem(Self.create.filter { $0.key != field }) == "field \(field) is missing")
    }

    @Test(arguments: [
        ("position", "0"), ("position", "-7"), ("position", "7.0"), ("position", "x"), ("quantity", "0"),
        ("quantity", "100"), ("quantity", "1e1"), ("at_ms", "-1"), ("at_ms", "now"), ("epoch", "0"), ("v", "one"),
    ])
    func `with a number malformed or out of range is refused, naming the field`(_ field: String, _ value: String) {
        let message = problem(Self.order.merging([field: value]) { $1 })
        #expect(message.hasPrefix("field \(field) is not an integer from "), "\(message)")
    }

    @Test(arguments: [
        ("order", "demo-8", "field order does not name position 7 of demo"),
        ("order", "other-7", "field order does not name position 7 of demo"),
        ("buyer", "a b", "field buyer is not printable ASCII of up to 128 bytes"),
        ("buyer", "Zoë", "field buyer is not printable ASCII of up to 128 bytes"),
        ("buyer", String(repeating: "x", count: 129), "field buyer is not printable ASCII of up to 128 bytes"),
        ("key", "a b", "field key is not an idempotency key"),
        ("trace", "0af7", "field trace is not 32 hexadecimal digits in lower case"),
        (
            "trace", "0AF7651916CD43DD8448EB211C80319C",
            "field trace is not 32 hexadecimal digits in lower case"
        ),
        ("v", "2", "schema version 2 is not 1, the one this release reads"),
        ("kind", "refund", "kind refund is unknown to this release"),
    ])
    func `that can't be read is refused with the reason`(_ field: String, _ value: String, _ message: String) {
        #expect(problem(Self.order.merging([field: value]) { $1 }) == message)
    }

    @Test func `with a field that occurs twice is refused`() {
        let fields = Self.order.map { (name: $0.key, value: $0.value) } + [(name: "buyer", value: "b2")]
        #expect(throws: OrderEvent.Malformed.self) { try OrderEvent(sale: Self.sale, fields: fields) }
    }

    @Test func `of an unknown kind is quoted only in part, because it may be long`() {
        let message = problem(Self.order.merging(["kind": String(repeating: "x", count: 10_000)]) { $1 })
        #expect(message.utf8.count < 100)
    }
}
