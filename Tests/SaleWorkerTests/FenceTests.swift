import EventLoop
import Foundation
import Glibc
import OrderStore
import Reconciliation
import RedisClient
import Shared
import TestSupport
import Testing

@testable import SaleWorker

@Suite struct `The fence` {
    private static let sale = SaleID("demo")!

    /// Sells four of ten, stores them, stops the worker, and restarts Redis: from here on the sale is fenced.
    private func restarted(_ changing: (BlockingRedis, SaleKeys) throws -> Void = { _, _ in }) throws -> WorkerUnderTest
    {
        let under = try WorkerUnderTest()
        try TestSale.create(under.redis, stock: 10)
        try under.sell(Self.sale, to: 0..<4)
        let worker = try under.start()
        #expect(under.drained(Self.sale))
        worker.stop(SIGKILL)
        try changing(under.redis, SaleKeys(Self.sale))
        under.server.crash()
        try under.server.restart()
        return under
    }

    private func buy(_ under: WorkerUnderTest, _ buyer: String = "late", _ key: String = "k") throws -> String {
        let reply = try TestSale.purchase(under.server.connect(), Self.sale, [.init(buyer: buyer, key: key)])
        return reply.codes + reply.details.joined()
    }

    @Test func `is lifted if a restarted Redis equals SQLite`() throws {
        let under = try restarted()
        #expect(try buy(under) == "F")
        let begun = Instant.now
        let worker = try under.start()
        #expect(eventually { worker.errors.contains("fence_lifted") })
        let waited = Instant.now.microseconds(since: begun)
        #expect(
            waited >= Reconciler.witnessMilliseconds * 1000,
            "the API processes need time to say what they have confirmed")
        #expect(try buy(under) == "S5")
        #expect(!worker.errors.contains("redis_completed"))
    }

    @Test func `is lifted after the worker has caught up`() throws {
        let under = try WorkerUnderTest()
        try TestSale.create(under.redis, stock: 10)
        try under.sell(Self.sale, to: 0..<7)
        under.server.crash()
        try under.server.restart()
        let worker = try under.start()
        #expect(eventually { worker.errors.contains("fence_lifted") })
        #expect(try under.stored(Self.sale)?.sold == 7)
        #expect(!worker.errors.contains("redis_completed"))
    }

    @Test func `put up by hand has an order stored whose event was deleted before the worker read it`() throws {
        let under = try WorkerUnderTest()
        try TestSale.create(under.redis, stock: 10)
        let first = try under.start()
        #expect(under.drained(Self.sale))
        first.stop(SIGKILL)
        try under.sell(Self.sale, to: 0..<1)
        let event = try #require(try under.redis.lastEntryID(of: Self.sale))
        try under.redis.command(["XDEL", "\(SaleKeys(Self.sale).orders)", "\(event)"])
        let found = try under.salectl(["reconcile", "demo"])
        #expect(found.code == ExitCode.negative)
        #expect(found.output.hasSuffix("\n  position 1 is in Redis and not in SQLite\n"), "this is no backlog")
        let second = try under.start()
        #expect(eventually { second.errors.contains("sale_found") })
        try under.redis.command(["HSET", "\(SaleKeys(Self.sale).sale)", "serving_run_id", "-"])
        #expect(eventually { second.errors.contains("fence_lifted") }, "\(second.errors)")
        #expect(try under.reconciled(Self.sale))
        #expect(try under.stored(Self.sale)?.orders.map(\.buyer) == ["buyer-0"])
    }

    @Test(arguments: [
        ("a buyer was forgotten", ["HDEL", "buyers", "buyer-2"]), ("all buyers were", ["DEL", "buyers"]),
        ("units came back", ["INCRBY", "stock", "2"]), ("the position went back", ["SET", "position", "2"]),
        ("the stock is gone", ["DEL", "stock"]), ("the position is gone", ["DEL", "position"]),
        ("the stream is gone", ["DEL", "orders"]), ("the sale's hash is gone", ["DEL", ""]),
        ("everything is gone", ["FLUSHALL"]),
    ])
    func `a Redis that has forgotten something is completed from SQLite, and sells on`(
        _ what: String, _ change: [String]
    ) throws {
        let under = try restarted { redis, keys in
            guard change.count > 1 else { return _ = try redis.command(["\(change[0])"]) }
            let key = change[1].isEmpty ? keys.sale : "\(keys.sale):\(change[1])"
            let rest = change.dropFirst(2).map { RedisArgument($0) }
            try redis.command(["\(change[0])", "\(key)"] + rest)
        }
        let worker = try under.start()
        #expect(eventually { worker.errors.contains("fence_lifted") }, "\(what): \(worker.errors)")
        #expect(worker.errors.contains("redis_completed"))
        let status = try #require(try under.server.connect().status(Self.sale))
        #expect(status.epoch == 2)
        #expect(status.remaining == 6)
        // Every winner still has its win, and the positions continue.
        for buyer in 0..<4 { #expect(try buy(under, "buyer-\(buyer)", "key-\(buyer)").hasPrefix("R\(buyer + 1) ")) }
        #expect(try buy(under) == "S5")
        #expect(under.drained(Self.sale))
        #expect(try under.reconciled(Self.sale))
    }

    @Test(arguments: [
        ["DEL", "sale:{demo}"], ["DEL", "sale:{demo}:orders"], ["DEL", "sale:{demo}:stock"],
        ["DEL", "sale:{demo}:position"], ["DEL", "sale:{demo}:buyers"], ["SET", "sale:{demo}:stock", "rubbish"],
        ["SET", "sale:{demo}:position", ""],
    ])
    func `a part that a running Redis loses is brought back, too`(_ loss: [String]) throws {
        let under = try WorkerUnderTest()
        try TestSale.create(under.redis, stock: 10)
        try under.sell(Self.sale, to: 0..<3)
        let worker = try under.start()
        #expect(under.drained(Self.sale))
        try under.redis.command(loss.map { RedisArgument($0) })
        #expect(eventually { worker.errors.contains("fence_lifted") }, "\(worker.errors)")
        #expect(try buy(under, "buyer-0", "key-0").hasPrefix("R1"), "a win stays a win")
        #expect(try buy(under) == "S4")
    }

    @Test func `a lost stream is noticed also by whoever does not read it`() throws {
        let under = try WorkerUnderTest()
        try TestSale.create(under.redis, stock: 10)
        try under.sell(Self.sale, to: 0..<3)
        let worker = try under.start()
        #expect(under.drained(Self.sale))
        worker.stop()
        let store = try OrderStore(path: under.database)
        let fence = Fence(store: store, metrics: WorkerMetrics(), log: Log(program: "test", level: .error))
        var now = Instant.now
        try fence.check(Self.sale, on: under.redis, now: now)
        try under.redis.command(["DEL", "\(SaleKeys(Self.sale).orders)"])
        let status = try under.redis.status(Self.sale, allowingGaps: true)
        try fence.watch(Self.sale, status, confirmed: 0, on: under.redis)
        // It is found fenced, completed, and found equal.
        for _ in 0..<3 {
            try fence.check(Self.sale, on: under.redis, now: now)
            now = now.advanced(milliseconds: Reconciler.witnessMilliseconds)
        }
        #expect(try under.redis.status(Self.sale)?.isServed(by: under.redis.facts.runID) == true)
        #expect(try buy(under) == "S4")
    }

    @Test func `a winner whose order is a dead letter stays one on an emptied Redis`() throws {
        let under = try WorkerUnderTest()
        try TestSale.create(under.redis, stock: 10)
        let worker = try under.start()
        #expect(under.drained(Self.sale))
        try under.refuse("orders", when: "NEW.buyer = 'buyer-1'")
        try under.sell(Self.sale, to: 0..<3)
        #expect(under.drained(Self.sale))
        try under.redis.command(["FLUSHALL"])
        #expect(eventually { worker.errors.contains("fence_lifted") }, "\(worker.errors)")
        #expect(try buy(under, "buyer-1", "key-1").hasPrefix("R2 "))
        #expect(try buy(under, "buyer-1", "another") == "L2")
        #expect(try buy(under) == "S4")
        #expect(under.drained(Self.sale))
        worker.stop()
        try under.acceptAgain()
        let redriven = try under.salectl(["dlq", "redrive", "demo", "--all", "--reason", "r"])
        #expect(redriven.code == 0, "\(redriven.output)")
        #expect(try under.stored(Self.sale)?.orders.map(\.buyer) == ["buyer-0", "buyer-1", "buyer-2", "late"])
        #expect(try under.reconciled(Self.sale))
    }

    /// A failover there and back: the first primary was never restarted, so its own stamp would be valid.
    @Test(arguments: ["sale-worker", "sale-api"])
    func `stays on a primary that comes back as a copy of one that lacked orders`(_ who: String) throws {
        let under = try WorkerUnderTest(redisSettings: RedisServer.followed())
        try TestSale.create(under.redis, stock: 10)
        try under.sell(Self.sale, to: 0..<2)
        let other = try under.server.replica(RedisServer.followed())
        let second = try other.connect()
        try second.command(["REPLICAOF", "NO", "ONE"])
        // Another replica, which is lost, has confirmed these.
        try under.sell(Self.sale, to: 2..<4)
        // Somebody has been at the second primary, and no worker has compared it.
        if who == "sale-worker" {
            let worker = try under.start(["SALE_REDIS_URL": other.url])
            #expect(eventually { worker.errors.contains("sale_found") }, "\(worker.errors)")
            worker.stop(SIGKILL)
        } else {
            let uuid = try #require(try second.uuid(of: Self.sale))
            try second.run(
                .witness("p", of: Self.sale, uuid: uuid, position: 4, remaining: 6, runID: second.facts.runID))
        }
        try under.redis.command(["REPLICAOF", "127.0.0.1", "\(other.port)"])
        #expect(eventually { (try? under.redis.status(Self.sale))??.position == 2 })
        try under.redis.command(["REPLICAOF", "NO", "ONE"])
        #expect(try buy(under) == "F", "position 3 was given before")
    }

    @Test func `an order that only the buyers hash still has is stored`() throws {
        let under = try WorkerUnderTest()
        let keys = SaleKeys(Self.sale)
        try TestSale.create(under.redis, stock: 10)
        let worker = try under.start()
        #expect(under.drained(Self.sale))
        worker.stop(SIGKILL)
        try under.sell(Self.sale, to: 0..<2)
        let last = try under.redis.command(["XREVRANGE", "\(keys.orders)", "+", "-", "COUNT", "1"])
        let id = last.value[0][0].string ?? ""
        try under.redis.command(["XDEL", "\(keys.orders)", "\(id)"])
        under.server.crash()
        try under.server.restart()
        let second = try under.start()
        #expect(eventually { second.errors.contains("fence_lifted") }, "\(second.errors)")
        #expect(try under.stored(Self.sale)?.orders.map(\.buyer) == ["buyer-0", "buyer-1"])
    }

    @Test func `is lifted from a sale with an order that only an earlier database had`() throws {
        let under = try restarted()
        try under.loseOrderOfEarlierDatabase(Self.sale)
        let worker = try under.start()
        #expect(eventually { worker.errors.contains("fence_lifted") }, "\(worker.errors)")
        #expect(worker.errors.contains(#""orders_lost","sale":"demo","first_position":2,"last_position":2,"#))
        #expect(try under.stored(Self.sale)?.losses == [.init(positions: 2...2, units: 1, isReleased: false)])
        #expect(try buy(under) == "S5")
        #expect(try under.salectl(["release", "demo"]).output == "released 1\n")
    }

    @Test func `was never up, and the log names the orders that an older database can't learn any more`() throws {
        let under = try WorkerUnderTest()
        try TestSale.create(under.redis, stock: 10)
        try under.sell(Self.sale, to: 0..<4)
        let first = try under.start()
        #expect(under.drained(Self.sale))
        first.stop()
        try under.loseOrderOfEarlierDatabase(Self.sale)
        let second = try under.start()
        #expect(eventually { second.errors.contains("database_older") }, "\(second.errors)")
        #expect(second.errors.contains(#""orders_lost","sale":"demo","first_position":2,"last_position":2,"#))
        #expect(try under.stored(Self.sale)?.losses == [.init(positions: 2...2, units: 1, isReleased: false)])
        // Redis has never withheld it, and is completed.
        #expect(eventually { second.errors.contains("fence_lifted") }, "\(second.errors)")
        #expect(try under.reconciled(Self.sale))
        #expect(try under.salectl(["release", "demo"]).output == "released 1\n")
    }

    @Test(arguments: [
        ("a win was altered", ["HSET", "buyers", "buyer-0", "key-0 1 2 3 1"], "position 1 is"),
        ("a win can't be read", ["HSET", "buyers", "buyer-0", "rubbish"], "can't be read"),
        ("a win has no units", ["HSET", "buyers", "x", "k 5 0 1 1"], "can't be read"),
        ("a win has too many", ["HSET", "buyers", "x", "k 5 9223372036854775807 1 1"], "can't be read"),
    ])
    func `stays if the two contradict each other, and the log says how`(
        _ what: String, _ change: [String], _ reason: String
    ) throws {
        let under = try restarted { redis, keys in
            let rest = change.dropFirst(2).map { RedisArgument($0) }
            try redis.command(["\(change[0])", "\(keys.sale):\(change[1])"] + rest)
        }
        let worker = try under.start()
        #expect(eventually { worker.errors.contains("fence_kept") })
        #expect(worker.errors.contains(reason), "\(what): \(worker.errors)")
        #expect(!worker.errors.contains("buyer-0") && !worker.errors.contains("key-0"), "\(worker.errors)")
        #expect(try buy(under) == "F")
        #expect(try under.reconciled(Self.sale) == false)
    }

    @Test func `stays if the sale lacks a field, and the log names it`() throws {
        let under = try restarted { redis, keys in
            try redis.command(["HDEL", "\(keys.sale)", "max_per_buyer"])
        }
        let worker = try under.start()
        #expect(eventually { worker.errors.contains("fence_kept") }, "\(worker.errors)")
        #expect(worker.errors.contains("max_per_buyer of the sale is missing"), "\(worker.errors)")
    }

    @Test func `a pause outlives a Redis that is older than it`() throws {
        let under = try WorkerUnderTest()
        try TestSale.create(under.redis, stock: 10)
        let worker = try under.start()
        #expect(try under.redis.control(Self.sale, .pause) == nil)
        #expect(under.drained(Self.sale))
        let key = RedisArgument(SaleKeys(Self.sale).sale)
        try under.redis.command(["HSET", key, "paused", "0", "serving_run_id", "an earlier life"])
        #expect(eventually { worker.errors.contains("fence_lifted") }, "\(worker.errors)")
        #expect(try buy(under) == "P")
    }

    @Test func `a late API process that has confirmed more than Redis has given is believed`() throws {
        let under = try WorkerUnderTest()
        try TestSale.create(under.redis, stock: 10)
        try under.sell(Self.sale, to: 0..<4)
        let worker = try under.start()
        #expect(under.drained(Self.sale))
        let uuid = try under.redis.status(Self.sale)?.uuid ?? ""
        let told = RedisArgument(SaleKeys(Self.sale).witnesses)
        try under.redis.command(["HSET", told, "an-api", "\(uuid) 4 6"])
        try under.redis.command(["HSET", told, "a-mad-one", "\(uuid) 9223372036854775807 0"])
        try under.redis.command(["HSET", told, "another-mad-one", "\(uuid) 8 -9223372036854775808"])
        try under.redis.command(["HSET", told, "a-late-one", "\(uuid) 7 3"])
        #expect(eventually { worker.errors.contains("told_beyond") }, "\(worker.errors)")
        #expect(eventually { worker.errors.contains("orders_lost") && worker.errors.contains("fence_lifted") })
        #expect(try buy(under) == "S8")
        #expect(under.drained(Self.sale))
        #expect(try under.stored(Self.sale)?.losses == [.init(positions: 5...7, units: 3, isReleased: false)])
    }

    @Test func `a mistyped witness of millions of positions stops neither its sale nor another`() throws {
        let under = try WorkerUnderTest()
        try TestSale.create(under.redis, stock: 10)
        let other = try TestSale.create(under.redis, "other", stock: 10)
        try under.sell(Self.sale, to: 0..<4)
        let worker = try under.start()
        #expect(under.drained(Self.sale))
        let uuid = try under.redis.status(Self.sale)?.uuid ?? ""
        try under.redis.command(["HSET", "\(SaleKeys(Self.sale).witnesses)", "by-hand", "\(uuid) 502000000 3"])
        #expect(eventually { worker.errors.contains("orders_lost") && worker.errors.contains("fence_lifted") })
        let stored = try #require(try under.stored(Self.sale))
        #expect(stored.losses == [.init(positions: 5...502_000_000, units: 6, isReleased: false)])
        #expect(stored.persistedPosition == 502_000_000)
        try under.sell(other, to: 0..<2)
        #expect(under.drained(other))
        #expect(try under.stored(other)?.sold == 2)
    }

    @Test(arguments: [true, false])
    func `a stream that is lost or older continues after the ids that SQLite knows, even if the clock was set back`(
        _ isLost: Bool
    ) throws {
        let under = try WorkerUnderTest()
        try TestSale.create(under.redis, stock: 10)
        let worker = try under.start()
        #expect(under.drained(Self.sale))
        let keys = SaleKeys(Self.sale)
        let orders = RedisArgument(keys.orders)
        let dump = try under.redis.command(["DUMP", orders])
        let older = dump.value.bytes ?? []
        // In the year 2096: Redis' clock was wrong for a while.
        try under.redis.command([
            "XADD", orders, "4000000000000-7", "v", "1", "kind", "set", "opens_at", "0", "closes_at", "0", "paused",
            "1", "at_ms", "4000000000000", "epoch", "1",
        ])
        #expect(eventually { (try? under.stored(Self.sale))??.lastStreamID == StreamID("4000000000000-7") })
        if isLost {
            try under.redis.command(["DEL", orders])
        } else {
            try under.redis.command(["RESTORE", orders, "0", RedisArgument(older), "REPLACE"])
            try under.redis.command(["HSET", "\(keys.sale)", "serving_run_id", "an earlier life"])
        }
        #expect(eventually { worker.errors.contains("fence_lifted") }, "\(worker.errors)")
        #expect(try under.redis.control(Self.sale, .resume) == nil)
        #expect(eventually { (try? under.stored(Self.sale))??.record.settings.paused == false }, "\(worker.errors)")
    }

    @Test(arguments: [false, true])
    func `an older Redis that contradicts SQLite is paused, and keeps every other setting of SQLite`(
        _ isPaused: Bool
    ) throws {
        let under = try WorkerUnderTest()
        let keys = SaleKeys(Self.sale)
        try TestSale.create(under.redis, stock: 10)
        let older = try [keys.sale, keys.stock, keys.position, keys.orders].map { key in
            let reply = try under.redis.command(["DUMP", "\(key)"])
            return (key: RedisArgument(key), value: RedisArgument(reply.value.bytes ?? []))
        }
        try under.sell(Self.sale, to: 0..<1)
        #expect(try under.redis.control(Self.sale, .close) == nil)
        let first = try under.start()
        #expect(under.drained(Self.sale))
        first.stop(SIGKILL)
        let closesAt = try #require(try under.stored(Self.sale)?.record.settings.closesAt)

        // The older copy, on which somebody else has won position 1, and which may have been paused.
        try under.redis.command(["DEL", "\(keys.buyers)"])
        for (key, value) in older { try under.redis.command(["RESTORE", key, "0", value, "REPLACE"]) }
        try under.sell(Self.sale, to: 7..<8)
        try under.redis.command(["HSET", "\(keys.sale)", "paused", isPaused ? "1" : "0"])
        under.server.crash()
        try under.server.restart()
        let second = try under.start()
        #expect(eventually { second.errors.contains("fence_kept") }, "\(second.errors)")
        #expect(under.drained(Self.sale))
        let settings = try under.stored(Self.sale)?.record.settings
        #expect(settings == SaleSettings(opensAt: nil, closesAt: closesAt, paused: true))

        // Once that copy is gone, Redis gets what SQLite has kept.
        let redis = try under.server.connect()
        try redis.command(["FLUSHALL"])
        #expect(eventually { second.errors.contains("fence_lifted") }, "\(second.errors)")
        let status = try #require(try redis.status(Self.sale))
        #expect(status.closesAt == closesAt && status.paused)
        #expect(try buy(under) == "E")
    }

    @Test func `a change outlives a database that is older than it`() throws {
        let under = try WorkerUnderTest()
        try TestSale.create(under.redis, stock: 10)
        let backup = under.server.directory.path("backup.db")
        for action in [nil, BlockingRedis.Control.close] {
            if let action { #expect(try under.redis.control(Self.sale, action) == nil) }
            let worker = try under.start()
            #expect(under.drained(Self.sale))
            worker.stop()
            if action == nil { #expect(try under.salectl(["backup", backup]).code == 0) }
        }
        #expect(try under.salectl(["restore", backup, "--force"]).code == 0)
        let key = RedisArgument(SaleKeys(Self.sale).sale)
        try under.redis.command(["HSET", key, "serving_run_id", "an earlier life"])
        for command in [["rebuild", "demo"], ["rebuild", "demo", "--dry-run"]] {
            let refused = try under.salectl(command)
            #expect(refused.code == ExitCode.temporaryFailure)
            #expect(refused.errors.contains("start the worker"), "\(refused.errors)")
        }
        #expect(try buy(under) == "F")
        let worker = try under.start()
        #expect(eventually { worker.errors.contains("fence_lifted") }, "\(worker.errors)")
        #expect(try buy(under) == "E")
    }

    @Test func `a change is refused while this Redis may be older than the database`() throws {
        let under = try WorkerUnderTest()
        try TestSale.create(under.redis, stock: 10)
        let key = RedisArgument(SaleKeys(Self.sale).sale)
        try under.redis.command(["HSET", key, "serving_run_id", "an earlier life"])
        for action in [BlockingRedis.Control.pause, .resume, .close] {
            #expect(try under.redis.control(Self.sale, action) == .fenced)
        }
        #expect(try under.redis.command(["XLEN", "\(SaleKeys(Self.sale).orders)"]).integer == 1)
        let refused = try under.salectl(["close", "demo"])
        #expect(refused.code == ExitCode.unavailable)
        #expect(refused.errors.contains("can't be changed before the worker has compared it"), "\(refused.errors)")
        // It waits for the worker, which is on its way.
        try under.start()
        #expect(try under.salectl(["pause", "demo"]).code == 0)
        #expect(try buy(under) == "P")
    }

    @Test func `confirmed units that both stores have lost are not sold again until they are released`() throws {
        let under = try restarted { redis, keys in
            // Emptied before the worker had stored the last three, which an API process reports when it connects.
            // Another process still reports an earlier sale of this name.
            let uuid = try redis.status(Self.sale)?.uuid ?? ""
            try redis.command(["FLUSHALL"])
            let told = RedisArgument(keys.witnesses)
            try redis.command(["HSET", told, "an-api", "\(uuid) 7 3", "an-old-one", "another 9 1"])
        }
        let worker = try under.start()
        #expect(eventually { worker.errors.contains("fence_lifted") }, "\(worker.errors)")
        #expect(worker.errors.contains("orders_lost"))
        let redis = try under.server.connect()
        #expect(try redis.status(Self.sale)?.remaining == 3)
        #expect(try redis.status(Self.sale)?.persistedPosition == 7, "nothing is left to store")
        #expect(try under.stored(Self.sale)?.persistedPosition == 7)
        #expect(try buy(under) == "S8")
        #expect(under.drained(Self.sale))
        #expect(try redis.status(Self.sale)?.persistedPosition == 8)
        #expect(try under.reconciled(Self.sale))

        #expect(try under.salectl(["release", "demo"]).output == "released 3\n")
        #expect(try redis.status(Self.sale)?.remaining == 5)
        #expect(try under.salectl(["release", "demo"]).output == "released 0\n")
        #expect(under.drained(Self.sale))
        #expect(try under.reconciled(Self.sale))
        #expect(try under.stored(Self.sale)?.losses == [.init(positions: 5...7, units: 3, isReleased: true)])
    }

    @Test func `the units of lost orders that an older Redis brings back are withheld no longer`() throws {
        var older = SavedKeys()
        let under = try restarted { redis, keys in
            // The worker has not stored the last three.
            _ = try TestSale.purchase(redis, Self.sale, (4..<7).map { .init(buyer: "buyer-\($0)", key: "key-\($0)") })
            older = try SavedKeys(of: redis)
            let uuid = try redis.status(Self.sale)?.uuid ?? ""
            try redis.command(["FLUSHALL"])
            try redis.command(["HSET", "\(keys.witnesses)", "an-api", "\(uuid) 7 3"])
        }
        let first = try under.start()
        #expect(eventually { first.errors.contains("orders_lost") && first.errors.contains("fence_lifted") })
        #expect(try under.stored(Self.sale)?.withheld == 3)
        first.stop()

        let redis = try under.server.connect()
        try older.replaceAll(in: redis)
        let second = try under.start()
        #expect(eventually { second.errors.contains("fence_lifted") }, "\(second.errors)")
        #expect(try under.stored(Self.sale)?.orders.map(\.buyer) == (0..<7).map { "buyer-\($0)" })
        #expect(try under.stored(Self.sale)?.withheld == 0)
        #expect(try under.reconciled(Self.sale))
        #expect(try under.salectl(["release", "demo"]).output == "released 0\n")
        #expect(try redis.status(Self.sale)?.remaining == 3)
        let metrics = try UnixHTTPClient(under.opsSocket).ask("GET", "/metrics").body
        #expect(metrics.contains("sale_units_withheld{sale=\"demo\"} 0\n"))
    }

    @Test func `lost orders that only the buyers of an older Redis have are stored, and withheld no longer`() throws {
        let under = try WorkerUnderTest()
        try TestSale.create(under.redis, stock: 8)
        try under.sell(Self.sale, to: 0..<4)
        let first = try under.start()
        #expect(under.drained(Self.sale))
        let backup = under.server.directory.path("backup.db")
        #expect(try under.salectl(["backup", backup]).code == 0)
        try under.sell(Self.sale, to: 4..<7)
        #expect(under.drained(Self.sale))
        first.stop()
        let uuid = try #require(try under.redis.uuid(of: Self.sale))
        let older = try SavedKeys(of: under.redis)

        #expect(try under.salectl(["restore", backup, "--force"]).code == 0)
        try under.redis.command(["FLUSHALL"])
        try under.redis.command(["HSET", "\(SaleKeys(Self.sale).witnesses)", "an-api", "\(uuid) 7 1"])
        let second = try under.start()
        #expect(eventually { second.errors.contains("fence_lifted") }, "\(second.errors)")
        #expect(try under.stored(Self.sale)?.withheld == 3)
        second.stop()

        // The worker has acknowledged their entries, and reads them no more.
        try older.replaceAll(in: under.redis)
        try under.redis.fence(Self.sale)
        let third = try under.start()
        #expect(eventually { third.errors.contains("fence_lifted") }, "\(third.errors)")
        #expect(try under.stored(Self.sale)?.orders.map(\.buyer) == (0..<7).map { "buyer-\($0)" })
        #expect(try under.salectl(["release", "demo"]).output == "released 0\n")
        #expect(try under.redis.status(Self.sale)?.remaining == 1)
        #expect(try under.reconciled(Self.sale))
    }

    @Test func `units that a dead letter of an older Redis has taken over are not released by a newer one`() throws {
        var older = SavedKeys()
        let under = try restarted { redis, keys in
            // The worker has not stored the last one, whose buyer asks again for what is lost.
            _ = try TestSale.purchase(redis, Self.sale, [.init(buyer: "buyer-4", key: "key-4")])
            older = try SavedKeys(of: redis)
            let uuid = try redis.status(Self.sale)?.uuid ?? ""
            try redis.command(["FLUSHALL"])
            try redis.command(["HSET", "\(keys.witnesses)", "an-api", "\(uuid) 5 5"])
        }
        let first = try under.start()
        #expect(eventually { first.errors.contains("fence_lifted") }, "\(first.errors)")
        #expect(try buy(under, "buyer-4", "key-4") == "S6")
        #expect(under.drained(Self.sale))
        first.stop()
        let redis = try under.server.connect()
        let newer = try SavedKeys(of: redis)

        try older.replaceAll(in: redis)
        let second = try under.start()
        #expect(eventually { second.errors.contains("fence_lifted") }, "\(second.errors)")
        #expect(try under.stored(Self.sale)?.rejectedOrders.map(\.position) == [5])
        #expect(try under.salectl(["resume", "demo"]).code == 0)
        #expect(under.drained(Self.sale))
        second.stop()

        try newer.replaceAll(in: redis)
        try redis.fence(Self.sale)
        #expect(try redis.withheld(of: Self.sale) == 1)
        let third = try under.start()
        #expect(eventually { third.errors.contains("fence_lifted") }, "\(third.errors)")
        #expect(try under.salectl(["release", "demo"]).output == "released 0\n")
        #expect(try redis.status(Self.sale)?.remaining == 4)
        #expect(try under.reconciled(Self.sale))
    }

    @Test func `a sale that has lost every win sells on without buyers`() throws {
        let under = try WorkerUnderTest()
        try TestSale.create(under.redis, stock: 10)
        let worker = try under.start()
        #expect(under.drained(Self.sale))
        let uuid = try under.redis.status(Self.sale)?.uuid ?? ""
        let told = RedisArgument(SaleKeys(Self.sale).witnesses)
        try under.redis.command(["HSET", told, "an-api", "\(uuid) 4 6"])
        #expect(eventually { worker.errors.contains("orders_lost") && worker.errors.contains("fence_lifted") })
        #expect(try under.redis.status(Self.sale)?.isWhole == true)
        // As an earlier release leaves it, without that field.
        try under.redis.command(["HDEL", "\(SaleKeys(Self.sale).sale)", "buyerless_position"])
        #expect(try buy(under) == "F")
        #expect(eventually { (try? buy(under)) == "S5" }, "\(worker.errors)")
        #expect(try buy(under).hasPrefix("R5 "))
    }
}

@Suite struct `Rebuilding by hand` {
    @Test func `shows what it would do, does it, and is not needed twice`() throws {
        let under = try WorkerUnderTest()
        let sale = try TestSale.create(under.redis, stock: 10)
        try under.sell(sale, to: 0..<4)
        let worker = try under.start()
        #expect(under.drained(sale))
        #expect(try under.salectl(["rebuild", "demo"]).code == ExitCode.temporaryFailure)
        worker.stop(SIGKILL)
        try under.redis.command(["FLUSHALL"])
        let dry = try under.salectl(["rebuild", "demo", "--dry-run"])
        #expect(dry.output.contains("buyers_restored  4"), "\(dry.output)\(dry.errors)")
        #expect(try under.redis.command(["DBSIZE"]).integer == 0)
        #expect(try under.salectl(["rebuild", "demo"]).code == 0)
        #expect(try under.redis.status(sale)?.remaining == 6)
        #expect(try under.redis.status(sale)?.servingRunID == under.redis.facts.runID)
        for options in [[], ["--dry-run"]] {
            #expect(try under.salectl(["rebuild", "demo", "--json"] + options).output.contains("\"served\""))
        }
    }

    @Test(arguments: [">&-", ">/dev/full", "| true"])
    func `is done to its end, even if nobody reads what it has done`(_ redirection: String) throws {
        let under = try stopped()
        let sale = SaleID("demo")!
        try under.redis.command(["FLUSHALL"])
        let salectl = ChildProcess.product("salectl").path
        _ = try ChildProcess.run(
            URL(fileURLWithPath: "/bin/bash"), ["-c", "\(salectl) rebuild demo \(redirection)"],
            environment: ["SALE_REDIS_URL": under.server.url, "SALE_DATABASE": under.database])
        #expect(try under.redis.servingRunID(of: sale) == under.redis.facts.runID)
    }

    @Test func `learns first what was confirmed and no store has any more`() throws {
        // Again if it is told too late, as on a machine that stands still for the two seconds of the wait.
        #expect(try eventually(isToldInTime))
    }

    private func isToldInTime() throws -> Bool {
        let under = try stopped()
        let uuid = try #require(try under.redis.uuid(of: SaleID("demo")!))
        try under.redis.command(["FLUSHALL"])
        let rebuild = try ChildProcess(
            ChildProcess.product("salectl"), ["rebuild", "demo"],
            environment: ["SALE_REDIS_URL": under.server.url, "SALE_DATABASE": under.database],
            errorLog: under.server.directory.url.appendingPathComponent("rebuild.log"))
        #expect(eventually { rebuild.errors.contains("waiting until every sale-api") })
        // A sale-api says it once it has connected again, which takes a while. Nothing is restored before that, however
        // long it takes here: the wait is over when it goes on.
        rebuild.signal(SIGSTOP)
        guard try under.redis.command(["EXISTS", "sale:{demo}"]).integer == 0 else { return false }
        try under.redis.command(["HSET", "sale:{demo}:witnesses", "p", "\(uuid) 6 4"])
        #expect(rebuild.stop(SIGCONT) == 0)
        let status = try #require(try under.redis.status(SaleID("demo")!))
        #expect(status.position == 6)
        #expect(status.remaining == 4)
        return true
    }

    /// Four of ten are sold and stored, and no worker runs.
    private func stopped() throws -> WorkerUnderTest {
        let under = try WorkerUnderTest()
        let sale = try TestSale.create(under.redis, stock: 10)
        try under.sell(sale, to: 0..<4)
        let worker = try under.start()
        #expect(under.drained(sale))
        worker.stop()
        return under
    }

    @Test func `begins the epoch that it has shown, also if the database knows an older one than Redis`() throws {
        let under = try stopped()
        try under.redis.command(["HSET", "sale:{demo}", "epoch", "5"])
        try under.redis.command(["DEL", "sale:{demo}:buyers"])
        let dry = try under.salectl(["rebuild", "demo", "--dry-run", "--json"])
        #expect(dry.output.contains(#""epoch":6,"#), "\(dry.output)\(dry.errors)")
        #expect(try under.salectl(["rebuild", "demo", "--json"]).output.contains(#""epoch":6,"#))
    }

    @Test(arguments: [["--dry-run"], []])
    func `leaves a fenced sale that lacks a field to a person, and names the field`(_ options: [String]) throws {
        let under = try stopped()
        try under.redis.command(["HSET", "sale:{demo}", "serving_run_id", ""])
        try under.redis.command(["HDEL", "sale:{demo}", "max_per_buyer"])
        let kept = try under.salectl(["rebuild", "demo"] + options)
        #expect(kept.code == ExitCode.negative, "\(kept.errors)")
        #expect(kept.output.contains("max_per_buyer of the sale is missing"), "\(kept.output)")
    }

    @Test func `names the orders that an older database can't learn any more, and so does its dry run`() throws {
        let under = try stopped()
        try under.redis.command(["HSET", "sale:{demo}", "serving_run_id", ""])
        try under.loseOrderOfEarlierDatabase(SaleID("demo")!)
        try under.redis.command(["HSET", "sale:{demo}", "withheld", "1"])
        let dry = try under.salectl(["rebuild", "demo", "--dry-run"])
        #expect(dry.output == "outcome  equal\norders   3\nlost     positions 2 to 2, 1 units withheld\n")
        #expect(dry.code == ExitCode.ok)
        let json = try under.salectl(["rebuild", "demo", "--dry-run", "--json"]).output
        #expect(
            json.contains(#""lost":[{"first_position":2,"last_position":2,"units":1,"released":false}]"#), "\(json)")
        #expect(try under.stored(SaleID("demo")!)?.losses == [])
        let done = try under.salectl(["rebuild", "demo"])
        #expect(done.output == dry.output)
        #expect(done.code == ExitCode.ok)
        #expect(try under.stored(SaleID("demo")!)?.losses == [.init(positions: 2...2, units: 1, isReleased: false)])
    }

    @Test func `names what it has recorded as lost, also if it fails after that`() throws {
        let under = try stopped()
        let sale = SaleID("demo")!
        let uuid = try #require(try under.redis.uuid(of: sale))
        try under.redis.command(["HSET", "sale:{demo}", "serving_run_id", ""])
        try under.redis.command(["HSET", "sale:{demo}:witnesses", "p", "\(uuid) 7 3"])
        try under.redis.command(["CONFIG", "SET", "maxmemory", "1"])
        let failed = try under.salectl(["rebuild", "demo"])
        #expect(failed.code == ExitCode.unavailable)
        #expect(failed.errors.contains("salectl: lost: positions 5 to 7, 3 units withheld\n"), "\(failed.errors)")
        #expect(try under.stored(sale)?.losses == [.init(positions: 5...7, units: 3, isReleased: false)])
    }

    @Test func `records nothing as lost of a sale that stays fenced`() throws {
        let under = try stopped()
        try under.redis.command(["HSET", "sale:{demo}", "serving_run_id", ""])
        try under.loseOrderOfEarlierDatabase(SaleID("demo")!)
        try under.redis.command(["HSET", "sale:{demo}:buyers", "buyer-0", "key-0 1 2 3 1"])
        let dry = try under.salectl(["rebuild", "demo", "--dry-run"])
        let kept = try under.salectl(["rebuild", "demo"])
        #expect(kept.code == ExitCode.negative, "\(kept.errors)")
        #expect(kept.output.contains("position 1 is not the same order"), "\(kept.output)")
        #expect((dry.code, dry.output) == (kept.code, kept.output))
        #expect(try under.stored(SaleID("demo")!)?.losses == [])
    }
}

/// What a Redis has, to be put back later.
private struct SavedKeys {
    private var values: [(key: RedisArgument, value: RedisArgument)] = []

    init() {}

    init(of redis: BlockingRedis) throws {
        for key in try redis.command(["KEYS", "*"]).strings {
            let dump = try redis.command(["DUMP", "\(key)"])
            values.append(("\(key)", RedisArgument(dump.value.bytes ?? [])))
        }
    }

    func replaceAll(in redis: BlockingRedis) throws {
        try redis.command(["FLUSHALL"])
        for (key, value) in values { try redis.command(["RESTORE", key, "0", value]) }
    }
}

extension WorkerUnderTest {
    /// Takes the second of four orders out of Redis and the database, as if the database were a backup from before it.
    fileprivate func loseOrderOfEarlierDatabase(_ sale: SaleID) throws {
        try server.connect().command(["HDEL", "\(SaleKeys(sale).buyers)", "buyer-1"])
        _ = try SQLiteShell.run(
            database, "DELETE FROM orders WHERE position = 2; UPDATE sales SET sold = 3, persisted_position = 1")
    }
}
