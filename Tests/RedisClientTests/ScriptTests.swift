import EventLoop
import Foundation
import RedisClient
import Shared
import TestSupport
import Testing

@Suite struct `The other scripts` {
    @Test func `create.lua creates a sale once, and writes that to the stream`() throws {
        let server = try RedisServer()
        let redis = try server.connect()
        let sale = try TestSale.create(redis, stock: 7, maxPerBuyer: 2, title: "Ünicode \"quoted\"")
        let status = try #require(try redis.status(sale))
        #expect(status.title == "Ünicode \"quoted\"")
        #expect(status.stockTotal == 7)
        #expect(status.remaining == 7)
        #expect(status.maxPerBuyer == 2)
        #expect(status.servingRunID == redis.facts.runID)
        #expect(status.state == .open)
        #expect(try redis.sales() == [sale])
        let reply = try redis.command(["XRANGE", "\(SaleKeys(sale).orders)", "-", "+"])
        let value = reply.value
        #expect(value.count == 1)
        guard case .create(let record) = try OrderEvent(sale: sale, fields: value[0][1].pairs) else {
            Issue.record("not a create event")
            return
        }
        #expect(record.uuid == status.uuid)
        #expect(record.stockTotal == 7)
    }

    @Test(arguments: ["", ":stock", ":position", ":buyers", ":orders", ":dlq", ":tickets", ":joined"])
    func `create.lua does nothing if a part of such a sale is there already`(_ part: String) throws {
        let server = try RedisServer()
        let redis = try server.connect()
        try redis.command(["SET", "sale:{demo}\(part)", "left over"])
        #expect(try !redis.create(NewSale(sale: SaleID("demo")!, title: "t", stock: 1)))
        #expect(try redis.command(["DBSIZE"]).integer == 1)
    }

    @Test func `closing ends a sale now, and a sale that has ended keeps its closing time`() throws {
        let server = try RedisServer()
        let redis = try server.connect()
        let sale = try TestSale.create(redis)
        #expect(try redis.control(sale, .close) == nil)
        let closed = try #require(try redis.status(sale))
        #expect(closed.state == .ended)
        #expect(try redis.control(sale, .close) == nil)
        #expect(try redis.status(sale)?.closesAt == closed.closesAt)
        #expect(try redis.control(SaleID("ghost")!, .close) == .unknownSale)
    }

    @Test func `the fence is lifted only if the sale is still as it was when compared`() throws {
        let server = try RedisServer()
        let redis = try server.connect()
        let sale = try TestSale.create(redis)
        let key: RedisArgument = "\(SaleKeys(sale).sale)"
        try redis.command(["HSET", key, "serving_run_id", "an earlier life"])
        var compared = try #require(try redis.status(sale))
        compared.remaining -= 1
        #expect(try redis.stamp(compared) == false)
        compared.remaining += 1
        compared.epoch += 1
        #expect(try redis.stamp(compared) == false)
        compared.epoch -= 1
        #expect(try redis.stamp(compared))
        #expect(try redis.status(sale)?.servingRunID == redis.facts.runID)
    }

    @Test func `the fence is put up even without memory, and makes no sale of a name that has none`() throws {
        let server = try RedisServer()
        let redis = try server.connect()
        let sale = try TestSale.create(redis)
        let keys = try redis.command(["DBSIZE"]).integer
        try redis.command(["CONFIG", "SET", "maxmemory", "1"])
        try redis.fence(sale)
        #expect(try redis.status(sale)?.servingRunID == "")
        try redis.fence(SaleID("ghost")!)
        #expect(try redis.command(["DBSIZE"]).integer == keys)
    }

    /// A new sale whose first entry, its create event, is pending; returns the entry's id, too.
    private func saleWithPendingEntry(_ redis: BlockingRedis) throws -> (sale: SaleID, id: String) {
        let sale = try TestSale.create(redis)
        let (orders, group) = (RedisArgument(SaleKeys(sale).orders), RedisArgument(SaleKeys.group))
        try redis.command(["XGROUP", "CREATE", orders, group, "0"])
        let read = try redis.command(["XREADGROUP", "GROUP", group, "w", "STREAMS", orders, ">"])
        return (sale, read.value[0][1][0][0].string ?? "")
    }

    /// The lease of a database that nobody else uses.
    private func lease(on redis: BlockingRedis, _ server: RedisServer) throws -> WorkerLease {
        let path = server.directory.path("sale.db.lock")
        try Data().write(to: URL(fileURLWithPath: path))
        let lease = try WorkerLease(name: "w", lock: #require(FileIdentity(path: path)))
        try lease.hold(on: redis, now: .now)
        return lease
    }

    @Test func `an entry is acknowledged once, and persisted_position only grows`() throws {
        let server = try RedisServer()
        let redis = try server.connect()
        let (sale, id) = try saleWithPendingEntry(redis)
        let keys = SaleKeys(sale)
        let lease = try lease(on: redis, server)
        #expect(try redis.acknowledge([id], of: sale, persisted: 5, under: lease) == 1)
        #expect(try redis.acknowledge([id], of: sale, persisted: 3, under: lease) == 0)
        #expect(try redis.status(sale)?.persistedPosition == 5)
        try redis.command(["DEL", "\(keys.sale)"])
        try redis.acknowledge([id], of: sale, persisted: 9, under: lease)
        #expect(try redis.command(["EXISTS", "\(keys.sale)"]).integer == 0)
    }

    @Test func `an entry becomes one dead letter, however often it is moved`() throws {
        let server = try RedisServer()
        let redis = try server.connect()
        let (sale, id) = try saleWithPendingEntry(redis)
        let keys = SaleKeys(sale)
        let lease = try lease(on: redis, server)
        for _ in 0..<2 {
            try redis.deadletter(
                id, of: sale, ["dlq_reason", "malformed", "kind", RedisArgument([0xFF, 0x00, 0x0A] as [UInt8])],
                under: lease)
        }
        let letters = try redis.command(["XRANGE", "\(keys.deadLetters)", "-", "+"])
        #expect(letters.value.count == 1)
        #expect(letters.value[0][1][3].bytes == [0xFF, 0x00, 0x0A])
    }

    @Test(arguments: [nil, "another-database other"])
    func `an entry stays pending if the lease has expired, or belongs to another database`(_ holder: String?) throws {
        let server = try RedisServer()
        let redis = try server.connect()
        let (sale, id) = try saleWithPendingEntry(redis)
        let lease = try lease(on: redis, server)
        try redis.command(holder.map { ["SET", "sale:worker", "\($0)"] } ?? ["DEL", "sale:worker"])
        #expect {
            try redis.acknowledge([id], of: sale, persisted: 5, under: lease)
        } throws: { ($0 as? RedisError)?.code == .noLease }
        #expect {
            try redis.deadletter(id, of: sale, ["dlq_reason", "malformed"], under: lease)
        } throws: { ($0 as? RedisError)?.code == .noLease }
        let keys = SaleKeys(sale)
        let pending = try redis.command(["XPENDING", "\(keys.orders)", "\(SaleKeys.group)"])
        #expect(pending.value[0].integer == 1)
        #expect(try redis.command(["EXISTS", "\(keys.deadLetters)"]).integer == 0)
        #expect(try redis.status(sale)?.persistedPosition == 0)
    }

    @Test func `a look-up tells a fenced sale from an unknown one, and says what a buyer has won`() throws {
        let server = try RedisServer()
        let redis = try server.connect()
        let sale = try TestSale.create(redis)
        _ = try TestSale.purchase(redis, sale, [.init(buyer: "a", key: "k")])
        func lookup(_ sale: String, _ buyer: String, runID: String) throws -> [String] {
            let reply = try redis.run(.lookup(buyer, in: SaleID(sale)!, runID: runID))
            return reply.strings
        }
        let saved = try redis.command(["HMGET", "\(SaleKeys(sale).sale)", "uuid", "pseudonym_key"])
        let ofSale = saved.strings
        #expect(ofSale.map(\.utf8.count) == [36, 64])
        let found = try lookup("demo", "a", runID: redis.facts.runID)
        #expect(found[0] == "K")
        #expect(Win.parse(found[1])?.map(\.position) == [1])
        #expect(Array(found[2...]) == ofSale)
        #expect(try lookup("demo", "b", runID: redis.facts.runID) == ["K", ""] + ofSale)
        #expect(try lookup("demo", "a", runID: "other") == ["F", "", "", ""])
        #expect(try lookup("ghost", "a", runID: redis.facts.runID) == ["U", "", "", ""])
    }
}
