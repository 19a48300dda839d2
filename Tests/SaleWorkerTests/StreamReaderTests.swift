import RedisClient
import Shared
import TestSupport
import Testing

@testable import SaleWorker

@Suite struct `What is read of several streams at once` {
    @Test func `is no more than of one, new or delivered before, until nothing is left`() throws {
        let server = try RedisServer()
        let redis = try server.connect()
        var reader = StreamReader(consumer: "tester")
        let sales = try ["a", "b", "c"].map { try TestSale.create(redis, $0, stock: 2000) }
        for sale in sales {
            for start in stride(from: 0, to: 2000, by: 500) {
                _ = try TestSale.purchase(redis, sale, (start..<start + 500).map { .init(buyer: "b\($0)", key: "k") })
            }
            try reader.begin(sale, after: "0-0", on: redis)
            while !reader.isCaughtUp(sale) { #expect(try (reader.older(sale, among: 1, on: redis) ?? []).isEmpty) }
        }
        // Each of them, and the event that made its sale.
        var left = 3 * 2001
        while left > 0 {
            let taken = try reader.new(on: redis).reduce(0) { $0 + $1.entries.count }
            #expect((1...StreamReader.entriesMax).contains(taken))
            left -= max(1, taken)
        }
        #expect(left == 0)
        reader.restart()
        let older = try sales.reduce(0) { $0 + (try reader.older($1, among: 3, on: redis)?.count ?? 0) }
        #expect((1...StreamReader.entriesMax).contains(older))
    }

    @Test func `is no more than of one when all of them fill while nothing was new`() throws {
        let server = try RedisServer()
        let redis = try server.connect()
        var reader = StreamReader(consumer: "tester")
        let sales = try ["a", "b", "c"].map { try TestSale.create(redis, $0, stock: 2000) }
        for sale in sales {
            try reader.begin(sale, after: "0-0", on: redis)
            while !reader.isCaughtUp(sale) { _ = try reader.older(sale, among: 1, on: redis) }
        }
        while try !reader.new(on: redis).isEmpty {}
        for sale in sales {
            for start in stride(from: 0, to: 2000, by: 500) {
                _ = try TestSale.purchase(redis, sale, (start..<start + 500).map { .init(buyer: "b\($0)", key: "k") })
            }
        }
        let taken = try reader.new(on: redis).reduce(0) { $0 + $1.entries.count }
        #expect((1...StreamReader.entriesMax).contains(taken))
    }

    @Test func `is as much as ever where only one of them has something`() throws {
        let server = try RedisServer()
        let redis = try server.connect()
        var reader = StreamReader(consumer: "tester")
        for number in 0..<16 {
            let sale = try TestSale.create(redis, "s\(number)", stock: 5000)
            try reader.begin(sale, after: "0-0", on: redis)
            while !reader.isCaughtUp(sale) { _ = try reader.older(sale, among: 1, on: redis) }
        }
        #expect(try reader.new(on: redis).count == 16)
        let busy = SaleID("s7")!
        for start in stride(from: 0, to: 5000, by: 500) {
            _ = try TestSale.purchase(redis, busy, (start..<start + 500).map { .init(buyer: "b\($0)", key: "k") })
        }
        let first = try #require(try reader.new(on: redis).first)
        #expect(first.sale == busy)
        #expect(first.entries.count == 250)
        #expect(try reader.new(on: redis).first?.entries.count == 4000)
    }
}
