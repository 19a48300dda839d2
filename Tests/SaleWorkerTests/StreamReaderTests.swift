import OrderStore
import RedisClient
import Shared
import TestSupport
import Testing

@testable import SaleWorker

@Suite struct `Reading several streams at once` {
    private let server: RedisServer
    private let redis: BlockingRedis

    init() throws {
        server = try RedisServer()
        redis = try server.connect()
    }

    private func sell(_ sale: SaleID, _ units: Int) throws {
        for start in stride(from: 0, to: units, by: 500) {
            _ = try TestSale.purchase(redis, sale, (start..<start + 500).map { .init(buyer: "b\($0)", key: "k") })
        }
    }

    /// Begins to read a sale of which nothing was delivered before.
    private func begin(_ sale: SaleID, _ reader: inout StreamReader) throws {
        try reader.begin(sale, after: StreamID("0-0"), on: redis)
        #expect(try reader.pending(sale, among: 1, on: redis) == nil)
    }

    private func takeNew(_ reader: inout StreamReader) throws -> Int {
        try reader.new(on: redis).reduce(0) { $0 + $1.entries.count }
    }

    @Test func `knows its sales by name, and does not list them anew for everyone who asks`() throws {
        var reader = StreamReader(consumer: "tester")
        for name in ["b", "c", "a", "d"] { try begin(TestSale.create(redis, name), &reader) }
        try begin(SaleID("b")!, &reader)
        reader.end(SaleID("c")!)
        #expect(reader.sales.map(\.description) == ["a", "b", "d"])
        #expect(reader.reads(SaleID("b")!))
        #expect(!reader.reads(SaleID("c")!))
        // Lists that were made one after the other would be in two places.
        let (one, other) = (reader.sales, reader.sales)
        #expect(one.withUnsafeBufferPointer { $0.baseAddress } == other.withUnsafeBufferPointer { $0.baseAddress })
    }

    @Test func `takes no more entries than reading one, new or delivered before, until none are left`() throws {
        var reader = StreamReader(consumer: "tester")
        let sales = try ["a", "b", "c"].map { try TestSale.create(redis, $0, stock: 2000) }
        for sale in sales {
            try sell(sale, 2000)
            try begin(sale, &reader)
        }
        // Their orders, and the create event of each sale.
        var left = 3 * 2001
        while left > 0 {
            let taken = try takeNew(&reader)
            #expect((1...StreamReader.entriesMax).contains(taken))
            left -= max(1, taken)
        }
        #expect(left == 0)
        reader.restart()
        let pending = try sales.reduce(0) { $0 + (try reader.pending($1, among: 3, on: redis)?.entries.count ?? 0) }
        #expect((1...StreamReader.entriesMax).contains(pending))
    }

    @Test func `takes no more entries than reading one when all of them fill after a quiet time`() throws {
        var reader = StreamReader(consumer: "tester")
        let sales = try ["a", "b", "c"].map { try TestSale.create(redis, $0, stock: 2000) }
        for sale in sales { try begin(sale, &reader) }
        while try takeNew(&reader) > 0 {}
        for sale in sales { try sell(sale, 2000) }
        #expect((1...StreamReader.entriesMax).contains(try takeNew(&reader)))
    }

    @Test func `takes a full batch if only one of them has something`() throws {
        var reader = StreamReader(consumer: "tester")
        for number in 0..<16 { try begin(TestSale.create(redis, "s\(number)", stock: 5000), &reader) }
        #expect(try reader.new(on: redis).count == 16)
        let busy = SaleID("s7")!
        try sell(busy, 5000)
        let first = try #require(try reader.new(on: redis).first)
        #expect(first.sale == busy)
        #expect(first.entries.count == 250)
        #expect(try reader.new(on: redis).first?.entries.count == 4000)
    }
}
