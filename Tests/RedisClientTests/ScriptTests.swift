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

    @Test func `what a sale is already is written to its stream only if SQLite may not know it`() throws {
        let server = try RedisServer()
        let redis = try server.connect()
        let sale = try TestSale.create(redis)
        let orders: RedisArgument = "\(SaleKeys(sale).orders)"
        func entries() throws -> Int? { try redis.command(["XLEN", orders]).integer }
        #expect(try redis.control(sale, .resume) == nil)
        #expect(try entries() == 1)
        for _ in 0..<2 {
            #expect(try redis.control(sale, .pause) == nil)
            #expect(try entries() == 2)
        }
        #expect(try redis.control(sale, .pause, evenIfFenced: true) == nil)
        #expect(try entries() == 3)
        try redis.command(["DEL", orders])
        #expect(try redis.control(sale, .resume) == .fenced)
        #expect(try redis.status(sale)?.paused == true)
    }

    @Test func `a change that the sale does not allow is not made, nor any of one that lacks a part`() throws {
        let server = try RedisServer()
        let redis = try server.connect()
        let sale = try TestSale.create(redis, stock: 10)
        let keys = SaleKeys(sale)
        _ = try TestSale.purchase(redis, sale, (0..<4).map { .init(buyer: "b\($0)", key: "k") })
        let hour = 3_600_000
        let opensAt = UnixMilliseconds(try redis.time().value + 2 * hour)
        #expect(try redis.set(sale, SaleChange(closesAt: UnixMilliseconds(1))) == .outOfRange)
        // Some units are sold, and now it opens later.
        try redis.command(["HSET", "\(keys.sale)", "opens_at", "\(opensAt.value)"])
        for closesAt in [opensAt, UnixMilliseconds(opensAt.value - hour)] {
            #expect(try redis.set(sale, SaleChange(closesAt: closesAt)) == .outOfRange)
        }
        #expect(try redis.set(sale, SaleChange(closesAt: UnixMilliseconds(opensAt.value + 1))) == nil)
        #expect(try redis.set(sale, SaleChange(opensAt: UnixMilliseconds(opensAt.value + 1))) == .outOfRange)
        #expect(try redis.set(sale, SaleChange(stock: 3)) == .tooFew)
        #expect(try redis.set(sale, SaleChange(stock: 4)) == nil)
        #expect(throws: ChangeRefusal.tooFew) { try redis.restock(sale, units: -1).get() }
        var status = try #require(try redis.status(sale))
        #expect(status.remaining == 0)
        #expect(status.stockTotal == 4)
        #expect(throws: ChangeRefusal.outOfRange) { try redis.restock(sale, units: Limits.stockMax - 3).get() }
        for key in [keys.stock, keys.orders] {
            try redis.command(["RENAME", "\(key)", "aside"])
            #expect(try redis.set(sale, SaleChange(title: "Another", stock: 5)) == .fenced)
            #expect(throws: ChangeRefusal.fenced) { try redis.restock(sale, units: 1).get() }
            #expect(try redis.release(sale) == .failure(.fencedOrArchived))
            try redis.command(["RENAME", "aside", "\(key)"])
        }
        #expect(try redis.release(SaleID("ghost")!) == .failure(.unknownSale))
        status = try #require(try redis.status(sale))
        #expect(status.title == "A test")
        #expect(status.stockTotal == 4)
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

    @Test func `the fence makes no sale of a name that has none`() throws {
        let server = try RedisServer()
        let redis = try server.connect()
        try redis.fence(SaleID("ghost")!)
        #expect(try redis.command(["DBSIZE"]).integer == 0)
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

    @Test func `archiving begins with the sale that is meant, once it has ended, on the Redis that serves it`() throws {
        let server = try RedisServer()
        let redis = try server.connect()
        let sale = try TestSale.create(redis)
        let key: RedisArgument = "\(SaleKeys(sale).sale)"
        let uuid = try #require(try redis.uuid(of: sale))
        #expect(try redis.beginArchive(sale, uuid: uuid) == .failure(.notEnded))
        try redis.command(["HSET", key, "closes_at", "\(UnixMilliseconds.now.value + 3_600_000)"])
        #expect(try redis.beginArchive(sale, uuid: uuid) == .failure(.notEnded))
        #expect(try redis.control(sale, .close) == nil)
        #expect(try redis.beginArchive(SaleID("ghost")!, uuid: uuid) == .failure(.unknownSale))
        #expect(try redis.beginArchive(sale, uuid: "another") == .failure(.unknownSale))
        try redis.command(["HSET", key, "serving_run_id", "another"])
        #expect(try redis.beginArchive(sale, uuid: uuid) == .failure(.fenced))
        #expect(try redis.archiveEvent(of: sale) == nil)
    }

    @Test func `nothing changes a sale from the beginning of its archiving on`() throws {
        let server = try RedisServer()
        let redis = try server.connect()
        let sale = try TestSale.create(redis, admission: .init(rate: 1))
        let keys = SaleKeys(sale)
        try redis.command(["HSET", "\(keys.sale)", "withheld", "1"])
        #expect(try redis.control(sale, .close) == nil)
        _ = try redis.beginArchive(sale, uuid: try #require(try redis.uuid(of: sale))).get()
        let entries = try redis.command(["XLEN", "\(keys.orders)"]).integer
        #expect(try redis.control(sale, .pause) == .archived)
        #expect(try redis.admit(sale, .pause) == .archived)
        #expect(try redis.set(sale, SaleChange(title: "Another")) == .archived)
        #expect(throws: ChangeRefusal.archived) { try redis.restock(sale, units: 1).get() }
        #expect(try redis.release(sale) == .failure(.fencedOrArchived))
        #expect(try redis.command(["XLEN", "\(keys.orders)"]).integer == entries)
    }

    @Test func `a sale is freed only if it is the one that is meant, and all of its stream is acknowledged`() throws {
        let server = try RedisServer()
        let redis = try server.connect()
        let sale = try TestSale.create(redis)
        let (key, orders) = (RedisArgument(SaleKeys(sale).sale), RedisArgument(SaleKeys(sale).orders))
        let group = RedisArgument(SaleKeys.group)
        let uuid = try #require(try redis.uuid(of: sale))
        #expect(try redis.control(sale, .close) == nil)
        let event = try redis.beginArchive(sale, uuid: uuid).get()
        // Somebody else may read the stream, too.
        for name in [group, "a", "z"] { try redis.command(["XGROUP", "CREATE", orders, name, "0"]) }
        #expect(try redis.free(sale, uuid: uuid, archivedBy: event) == .pending, "nothing is read")
        let read = try redis.command(["XREADGROUP", "GROUP", group, "w", "STREAMS", orders, ">"])
        let entries = read.value[0][1]
        for index in 0..<entries.count {
            #expect(try redis.free(sale, uuid: uuid, archivedBy: event) == .pending)
            try redis.command(["XACK", orders, group, RedisArgument(entries[index][0].string ?? "")])
        }
        #expect(try redis.free(SaleID("ghost")!, uuid: uuid, archivedBy: event) == .unknownSale)
        #expect(try redis.free(sale, uuid: "another", archivedBy: event) == .unknownSale)
        #expect(try redis.free(sale, uuid: uuid, archivedBy: "1-1") == .notEnded)
        try redis.command(["HSET", key, "serving_run_id", "another"])
        #expect(try redis.free(sale, uuid: uuid, archivedBy: event) == .fenced)
        try redis.command(["HSET", key, "serving_run_id", "\(redis.facts.runID)"])
        let archived: RedisArgument = "\(SaleKeys.archived)"
        try redis.command(["SET", archived, "no set"])
        #expect(throws: RedisError.self) { try redis.free(sale, uuid: uuid, archivedBy: event) }
        #expect(try redis.status(sale) != nil)
        try redis.command(["DEL", archived])
        #expect(try redis.free(sale, uuid: uuid, archivedBy: event) == nil)
        #expect(try redis.archivedSales() == [sale])
        #expect(try redis.command(["DBSIZE"]).integer == 1)
    }

    @Test func `without memory nothing is sold, and a sale can be stopped, stored, compared and archived`() throws {
        let server = try RedisServer()
        let redis = try server.connect()
        let sale = try TestSale.create(redis, admission: .init(rate: 1))
        let keys = SaleKeys(sale)
        let (orders, group) = (RedisArgument(keys.orders), RedisArgument(SaleKeys.group))
        let lease = try lease(on: redis, server)
        try redis.command(["XADD", orders, "*", "rubbish", "1"])
        try redis.command(["XGROUP", "CREATE", orders, group, "0"])
        let read = try redis.command(["XREADGROUP", "GROUP", group, "w", "STREAMS", orders, ">"])
        let (created, rubbish) = (read.value[0][1][0][0].string ?? "", read.value[0][1][1][0].string ?? "")
        try redis.command(["CONFIG", "SET", "maxmemory", "1"])
        #expect {
            try TestSale.purchase(redis, sale, [.init(buyer: "a", key: "k")])
        } throws: { ($0 as? RedisError)?.effect == .nothingRan }
        #expect(try redis.control(sale, .pause) == nil)
        #expect(try redis.admit(sale, .pause) == nil)
        lease.restart()
        try lease.hold(on: redis, now: .now)
        #expect(try redis.acknowledge([created], of: sale, persisted: 0, under: lease) == 1)
        try redis.deadletter(rubbish, of: sale, ["dlq_reason", "malformed"], under: lease)
        #expect(try redis.deadLetterCount(of: sale) == 1)
        try redis.fence(sale)
        #expect(try redis.status(sale)?.servingRunID == "")
        #expect(try redis.stamp(try #require(try redis.status(sale))))
        let uuid = try #require(try redis.uuid(of: sale))
        let witness = ScriptCall.witness(
            "p", of: sale, uuid: uuid, position: 1, remaining: 0, runID: redis.facts.runID)
        #expect(try redis.run(witness).integer == 1)
        #expect(try redis.control(sale, .close) == nil)
        let event = try redis.beginArchive(sale, uuid: uuid).get()
        let rest = try redis.command(["XREADGROUP", "GROUP", group, "w", "STREAMS", orders, ">"])
        let entries = rest.value[0][1]
        for index in 0..<entries.count {
            try redis.acknowledge([entries[index][0].string ?? ""], of: sale, persisted: 0, under: lease)
        }
        #expect(try redis.free(sale, uuid: uuid, archivedBy: event) == nil)
    }
}
