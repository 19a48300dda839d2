import EventLoop
import Foundation
import OrderStore
import RedisClient
import Shared
import TestSupport
import Testing

@testable import SaleWorker

@Suite struct `The worker` {
    @Test func `stores every order of every sale, and finds a sale that is made later`() throws {
        let under = try WorkerUnderTest()
        let first = try TestSale.create(under.redis, "first", stock: 3000)
        for start in stride(from: 0, to: 3000, by: 500) { try under.sell(first, to: start..<start + 500) }
        try under.start()
        #expect(under.drained(first))
        let second = try TestSale.create(under.redis, "second", stock: 5)
        try under.sell(second, to: 0..<9)
        #expect(under.drained(second))
        #expect(try under.stored(first)?.orders.map(\.id.position) == Array(1...3000))
        #expect(try under.stored(second)?.sold == 5)
        #expect(try under.reconciled(first))
        #expect(try under.reconciled(second))
        #expect(try under.redis.status(first)?.persistedPosition == 3000)
    }

    @Test func `logs at the start which variables nobody reads`() throws {
        let under = try WorkerUnderTest()
        let worker = try under.start(["SALE_OPS_LISTENER": "unix:/x", "SALE_TEST_SEED": "1"])
        let line = #""event":"settings_unread","variables":["SALE_OPS_LISTENER"]}"#
        #expect(eventually { worker.errors.contains(line) }, "\(worker.errors)")
    }

    @Test(arguments: Failpoint.Step.allCases, [1, 2])
    func `may be killed with -9 at any step, and loses and doubles nothing`(_ step: Failpoint.Step, _ nth: Int) throws {
        let under = try WorkerUnderTest()
        let sale = try TestSale.create(under.redis, stock: 100)
        let killed = try under.start(["SALE_WORKER_FAILPOINT": "\(step.rawValue):\(nth)"])
        // Two poison entries among the orders, so that every step is reached twice. It is given more once it has stored
        // what was there, so each round is a batch of its own.
        var rubbish = 0
        for round in 0..<20 where killed.isRunning {
            try under.sell(sale, to: round * 2..<round * 2 + 2)
            if round == 3 || round == 5 {
                try under.add(sale, ["rubbish", "\(round)"])
                rubbish += 1
            }
            try #require(eventually { !killed.isRunning || under.isDrained(sale) }, "\(killed.errors)")
        }
        try #require(eventually { !killed.isRunning }, "the step was never reached: the run proves nothing")
        #expect(killed.wait() == -SIGKILL)
        try under.sell(sale, to: 90..<95)
        try under.start()
        #expect(under.drained(sale))
        let sold = try #require(try under.redis.status(sale)?.position)
        #expect(try under.stored(sale)?.orders.map(\.id.position) == Array(1...sold))
        let poison = try under.deadLetters(sale).map { $0.last?.value }
        #expect(Set(poison).count == poison.count, "an entry is among the dead letters twice")
        #expect(poison.count == rubbish)
        #expect(try under.reconciled(sale))
    }

    @Test func `takes over what a worker of another name has left behind`() throws {
        let under = try WorkerUnderTest()
        let sale = try TestSale.create(under.redis, stock: 10)
        try under.sell(sale, to: 0..<10)
        let keys = SaleKeys(sale)
        try under.redis.command(["XGROUP", "CREATE", "\(keys.orders)", "\(SaleKeys.group)", "0"])
        // Delivered to a worker that will never come back.
        try under.redis.command([
            "XREADGROUP", "GROUP", "\(SaleKeys.group)", "gone", "STREAMS", "\(keys.orders)", ">",
        ])
        try under.start()
        #expect(under.drained(sale))
        #expect(try under.stored(sale)?.sold == 10)
    }

    @Test func `stores the other sales while one can't be worked on`() throws {
        let under = try WorkerUnderTest()
        try under.redis.command(["SADD", "sales", "broken"])
        try under.redis.command(["SET", "sale:{broken}:orders", "not a stream"])
        let poisoned = try TestSale.create(under.redis, "aa-poisoned")
        try under.redis.command(["SET", "\(SaleKeys(poisoned).deadLetters)", "not a stream"])
        try under.add(poisoned, ["rubbish", "1"])
        let good = try TestSale.create(under.redis, "good")
        try under.sell(good, to: 0..<5)
        let worker = try under.start()
        #expect(under.drained(good))
        #expect(try under.stored(good)?.sold == 5)
        #expect(eventually { worker.errors.contains("sale_set_aside") })
        try under.redis.command(["DEL", "\(SaleKeys(poisoned).deadLetters)"])
        #expect(under.drained(poisoned))
        #expect(try under.deadLetters(poisoned).count == 1)
    }

    @Test func `shows the backlog of a sale that is set aside`() throws {
        let under = try WorkerUnderTest()
        let sale = try TestSale.create(under.redis)
        let worker = try under.start()
        #expect(under.drained(sale))
        let position = RedisArgument(SaleKeys(sale).position)
        try under.redis.command(["DEL", position])
        try under.redis.command(["RPUSH", position, "no number"])
        try under.add(sale, ["rubbish", "1"])
        #expect(eventually { worker.errors.contains("sale_set_aside") })
        func shows(_ line: Regex<Substring>) -> Bool {
            (try? UnixHTTPClient(under.opsSocket).ask("GET", "/metrics").body.contains(line)) == true
        }
        #expect(eventually { shows(#/sale_worker_stream_entries_open{sale="demo"} 1\n/#) })
        #expect(eventually { shows(#/sale_worker_oldest_open_seconds{sale="demo"} [1-9]/#) })
        #expect(shows(#/sale_set_aside{sale="demo"} 1\n/#))
        try under.redis.command(["SET", position, "0"])
        #expect(eventually { shows(#/sale_set_aside{sale="demo"} 0\n/#) })
    }

    @Test func `shows a sale that was set aside as recovered, also if it has lost its stream since`() throws {
        let under = try WorkerUnderTest()
        let sale = try TestSale.create(under.redis)
        try under.sell(sale, to: 0..<1)
        let worker = try under.start()
        #expect(under.drained(sale))
        let keys = SaleKeys(sale)
        let position = RedisArgument(keys.position)
        try under.redis.command(["DEL", position])
        try under.redis.command(["RPUSH", position, "no number"])
        try under.add(sale, ["rubbish", "1"])
        #expect(eventually { worker.errors.contains("sale_set_aside") })
        // A contradiction, which nothing completes, and so no stream.
        try under.redis.command(["HSET", "\(keys.buyers)", "buyer-0", "another-key 1 1 1 1"])
        try under.redis.command(["DEL", "\(keys.orders)"])
        try under.redis.command(["SET", position, "1"])
        #expect(eventually { worker.errors.contains("sale_recovered") }, "\(worker.errors)")
        let metrics = try UnixHTTPClient(under.opsSocket).ask("GET", "/metrics").body
        #expect(metrics.contains("sale_fenced{sale=\"demo\"} 1\n"))
        #expect(try under.redis.hasStream(sale) == false)
    }

    @Test func `logs once that a sale is set aside, and once that it has recovered`() throws {
        let under = try WorkerUnderTest()
        let sale = try TestSale.create(under.redis)
        let (stream, position) = (RedisArgument(SaleKeys(sale).orders), RedisArgument(SaleKeys(sale).position))
        let worker = try under.start()
        func said(_ event: String) -> Int { worker.errors.components(separatedBy: "\"event\":\"\(event)\"").count - 1 }
        func deliveries() throws -> Int {
            let reply = try under.redis.command(["XPENDING", stream, "\(SaleKeys.group)", "-", "+", "1"])
            let lines = reply.value
            return lines.count == 1 ? lines[0][3].integer ?? 0 : 0
        }
        for times in 1...2 {
            #expect(under.drained(sale))
            try under.redis.command(["DEL", position])
            try under.redis.command(["RPUSH", position, "no number"])
            try under.add(sale, ["rubbish", "1"])
            #expect(try eventually { try deliveries() >= 3 })
            #expect(said("sale_set_aside") == times)
            try under.redis.command(["SET", position, "0"])
            #expect(eventually { said("sale_recovered") == times }, "\(worker.errors)")
        }
        #expect(said("sale_found") == 1)
    }

    @Test func `catches up a database that was restored from an older copy, or is gone`() throws {
        let under = try WorkerUnderTest()
        let sale = try TestSale.create(under.redis, stock: 10)
        for kept in [true, false] {
            try under.sell(sale, to: 0..<(kept ? 3 : 5))
            let first = try under.start()
            #expect(under.drained(sale))
            first.stop()
            if kept {
                _ = try SQLiteShell.run(under.database, "DELETE FROM orders WHERE position > 1")
                _ = try SQLiteShell.run(
                    under.database,
                    "UPDATE sales SET sold = 1, persisted_position = 1, last_stream_id = '0-1'")
            } else {
                removeDatabase(under.database)
            }
            let second = try under.start()
            #expect(eventually { (try? under.stored(sale)?.sold) == (kept ? 3 : 5) }, "\(second.errors)")
            second.stop()
        }
        #expect(try under.deadLetters(sale).isEmpty)
    }

    /// The orders that a killed worker had not acknowledged have their units from a restock that it had.
    @Test(arguments: [true, false])
    func `catches up an older database in the order of the stream, whatever was pending`(_ isRestored: Bool) throws {
        let under = try WorkerUnderTest()
        let sale = try TestSale.create(under.redis, stock: 2)
        try under.sell(sale, to: 0..<2)
        var worker = try under.start()
        #expect(under.drained(sale))
        let copy = under.server.directory.path("older.db")
        _ = try SQLiteShell.run(under.database, ".backup \(copy)")
        _ = try under.redis.restock(sale, units: 5).get()
        #expect(under.drained(sale))
        worker.stop(SIGKILL)
        try under.sell(sale, to: 2..<6)
        worker = try under.start(["SALE_WORKER_FAILPOINT": "after_commit"])
        try #require(eventually { !worker.isRunning }, "the step was never reached: \(worker.errors)")
        #expect(try under.redis.progress(of: sale)?.pending == 4)
        removeDatabase(under.database)
        if isRestored { try FileManager.default.copyItem(atPath: copy, toPath: under.database) }

        worker = try under.start()
        #expect(under.drained(sale))
        #expect(try under.stored(sale)?.sold == 6, "\(worker.errors)")
        #expect(try SQLiteShell.run(under.database, "SELECT reason FROM dead_letters") == [])
        #expect(try under.redis.status(sale)?.paused == false)
        #expect(try under.reconciled(sale))
    }

    @Test func `finds a sale that the list of all sales has forgotten`() throws {
        let under = try WorkerUnderTest()
        let sale = try TestSale.create(under.redis, stock: 10)
        try under.start()
        #expect(under.drained(sale))
        try under.redis.command(["SREM", "sales", "demo"])
        try under.sell(sale, to: 0..<2)
        #expect(under.drained(sale))
        #expect(try eventually { try under.redis.sales() == [sale] })
    }

    @Test func `acknowledges, and obeys the operator, on a Redis that has no memory left`() throws {
        let under = try WorkerUnderTest()
        let sale = try TestSale.create(under.redis, stock: 10)
        // SQLite has an archived sale, too, which this Redis has not heard of.
        let earlier = try TestSale.create(under.redis, "earlier")
        let first = try under.start()
        #expect(under.drained(earlier))
        first.stop()
        _ = try SQLiteShell.run(under.database, "UPDATE sales SET archived_at_ms = 1 WHERE sale = 'earlier'")
        try under.redis.command(["SREM", "sales", "earlier"])
        try under.sell(sale, to: 0..<3)
        try under.add(sale, ["rubbish", "1"])
        try under.redis.command(["CONFIG", "SET", "maxmemory", "1"])
        let worker = try under.start()
        #expect(under.drained(sale), "\(worker.errors)")
        #expect(try under.deadLetters(sale).count == 1)
        #expect(try under.redis.control(sale, .pause) == nil)
    }

    @Test func `stores one sale while another can't be begun, on a Redis that has no memory left`() throws {
        let under = try WorkerUnderTest()
        let sale = try TestSale.create(under.redis, stock: 10)
        let worker = try under.start()
        #expect(under.drained(sale))
        worker.stop()
        try TestSale.create(under.redis, "another")
        try under.sell(sale, to: 0..<3)
        try under.redis.command(["CONFIG", "SET", "maxmemory", "1"])
        let second = try under.start()
        #expect(eventually { second.errors.contains("sale_set_aside") }, "\(second.errors)")
        #expect(under.drained(sale), "\(second.errors)")
        #expect(try under.stored(sale)?.sold == 3)
        try under.redis.command(["CONFIG", "SET", "maxmemory", "0"])
        #expect(eventually { second.errors.contains("sale_recovered") }, "\(second.errors)")
    }

    @Test func `goes on when its group has been destroyed`() throws {
        let under = try WorkerUnderTest()
        let sale = try TestSale.create(under.redis, stock: 10)
        try under.start()
        try under.sell(sale, to: 0..<5)
        #expect(under.drained(sale))
        try under.redis.command([
            "XGROUP", "DESTROY", "\(SaleKeys(sale).orders)", "\(SaleKeys.group)",
        ])
        try under.sell(sale, to: 5..<10)
        #expect(under.drained(sale))
        #expect(try under.stored(sale)?.sold == 10)
    }

    @Test func `waits for a database that somebody else has locked, and acknowledges nothing meanwhile`() throws {
        let under = try WorkerUnderTest()
        let sale = try TestSale.create(under.redis, stock: 10)
        let worker = try under.start()
        #expect(under.drained(sale))
        let shell = try SQLiteLock(under.database)
        try under.sell(sale, to: 0..<4)
        #expect(eventually { worker.errors.contains("store_failed") })
        #expect(try under.redis.status(sale)?.persistedPosition == 0)
        let ops = try UnixHTTPClient(under.opsSocket)
        #expect(
            eventually { (try? ops.ask("GET", "/metrics").body.contains("_lag_positions{sale=\"demo\"} 4\n")) == true })
        shell.release()
        #expect(under.drained(sale))
        #expect(try under.stored(sale)?.sold == 4)
    }

    @Test(.enabled(if: getuid() == 0, "mounting a small disk needs root"))
    func `waits for room on a full disk, and acknowledges nothing meanwhile`() throws {
        let disk = try SmallDisk(megabytes: 2)
        let under = try WorkerUnderTest(database: disk.path("sale.db"))
        let sale = try TestSale.create(under.redis, stock: 5000)
        let worker = try under.start()
        #expect(under.drained(sale))
        try disk.fill()
        for start in stride(from: 0, to: 5000, by: 500) { try under.sell(sale, to: start..<start + 500) }
        #expect(eventually { worker.errors.contains("store_failed") })
        #expect(worker.isRunning)
        try disk.makeRoom()
        #expect(under.drained(sale))
        #expect(try under.stored(sale)?.sold == 5000)
        #expect(try under.reconciled(sale))
        #expect(worker.stop() == 0)
    }

    @Test func `stands by while another one works, and takes over when that one is killed`() throws {
        let under = try WorkerUnderTest()
        let sale = try TestSale.create(under.redis, stock: 20)
        let first = try under.start()
        try under.sell(sale, to: 0..<10)
        #expect(under.drained(sale))
        let second = try under.start(["SALE_WORKER_NAME": "spare"])
        #expect(eventually { second.errors.contains("standby") })
        first.signal(SIGKILL)
        try under.sell(sale, to: 10..<20)
        #expect(under.drained(sale))
        #expect(try under.stored(sale)?.sold == 20)
        #expect(!second.errors.contains("worker_failed"), "\(second.errors)")
    }

    @Test func `tells systemd when it is ready and when it stops`() throws {
        let under = try WorkerUnderTest()
        let manager = try NotifySocket(under.server.directory.path("notify.sock"))
        let worker = try under.start(["NOTIFY_SOCKET": manager.path])
        #expect(manager.receive().contains("READY=1"))
        worker.signal(SIGTERM)
        #expect(manager.receive().contains("STOPPING=1"))
        #expect(worker.wait() == 0)
    }

    @Test func `pings systemd's watchdog only while it does its work`() throws {
        let under = try WorkerUnderTest()
        let manager = try NotifySocket(under.server.directory.path("notify.sock"))
        try under.start(["NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "300000"])
        #expect(manager.receive().contains("READY=1"))
        for _ in 0..<3 { #expect(manager.receive() == "WATCHDOG=1\n") }
        // The process runs, and its work hangs: it waits for the answer of a Redis that is stopped. A thread of its own
        // would go on pinging ten times a second.
        under.server.pause()
        let start = Instant.now
        manager.discard()
        var pings = 0
        while manager.receive() == "WATCHDOG=1\n", Instant.now.microseconds(since: start) < 1_000_000 { pings += 1 }
        #expect(pings <= 1, "at most the one that was due when Redis stopped")
        under.server.resume()
        #expect(manager.receive() == "WATCHDOG=1\n")
    }

    @Test(arguments: [
        (["SALE_DATABASE": "/nowhere/sale.db"], "SALE_DATABASE", Int32(73)),
        (["SALE_REDIS_URL": "http://x"], "SALE_REDIS_URL", 78), (["SALE_LOG_LEVEL": "loud"], "SALE_LOG_LEVEL", 78),
    ])
    func `says in one sentence which setting is wrong`(
        _ settings: [String: String], _ name: String, _ code: Int32
    ) throws {
        let result = try ChildProcess.run(ChildProcess.product("sale-worker"), [], environment: settings)
        #expect(result.code == code)
        let complaint = result.errors.split(separator: "\n").filter { !$0.hasPrefix("{") }
        #expect(complaint.count == 1)
        #expect(complaint.first?.hasPrefix("sale-worker: \(name)") == true, "\(result.errors)")
    }
}
