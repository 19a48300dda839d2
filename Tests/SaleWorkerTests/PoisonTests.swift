import Foundation
import OrderStore
import RedisClient
import Shared
import TestSupport
import Testing

@Suite struct `A poison entry` {
    private func letters(_ path: String) throws -> [String] {
        try SQLiteShell.run(path, "SELECT reason, stage, position, attempts, moved_at_ms > 0 FROM dead_letters")
    }

    @Test func `that SQLite can't take is set aside, and only one batch of ten thousand orders is stored twice`()
        throws
    {
        let under = try WorkerUnderTest()
        let sale = try TestSale.create(under.redis, stock: 10_000)
        let first = try under.start()
        #expect(under.drained(sale))
        first.stop()
        try under.refuse("orders", when: "NEW.buyer = 'buyer-4567'")
        for start in stride(from: 0, to: 10_000, by: 500) { try under.sell(sale, to: start..<start + 500) }
        let worker = try under.start()
        #expect(under.drained(sale))
        #expect(try under.stored(sale)?.sold == 9999)
        #expect(try letters(under.database) == ["unstorable|apply|4568|1|1"])
        #expect(try under.redis.status(sale)?.persistedPosition == 10_000)
        #expect(try under.reconciled(sale))
        let again = worker.errors.split(separator: "\n").filter { $0.contains("batch_isolated") }
        #expect(again.count == 1, "one more transaction: each neighbour was tried at most twice")
        #expect(try under.redis.status(sale)?.paused == false)
    }

    @Test func `leaves its neighbours stored, acknowledged and counted while its move can't be noted`()
        throws
    {
        let under = try WorkerUnderTest()
        let sale = try TestSale.create(under.redis, stock: 10)
        let first = try under.start()
        #expect(under.drained(sale))
        first.stop()
        try under.refuse("orders", when: "NEW.buyer = 'buyer-2'")
        _ = try SQLiteShell.run(
            under.database,
            """
            CREATE TRIGGER unmoved BEFORE UPDATE OF moved_at_ms ON dead_letters BEGIN
                SELECT RAISE(ABORT, 'not now');
            END
            """)
        try under.sell(sale, to: 0..<5)
        let worker = try under.start()
        #expect(eventually { worker.errors.contains("not now") })
        #expect(under.drained(sale))
        #expect(try under.stored(sale)?.sold == 4)
        let metrics = try UnixHTTPClient(under.opsSocket).ask("GET", "/metrics").body
        #expect(metrics.contains("sale_worker_entries_total{outcome=\"stored\"} 4\n"))
        _ = try SQLiteShell.run(under.database, "DROP TRIGGER unmoved")
        #expect(try eventually { try letters(under.database) == ["unstorable|apply|3|1|1"] })
    }

    @Test func `that kills the worker is tried by itself, and becomes a dead letter if it kills the worker again`()
        throws
    {
        let under = try WorkerUnderTest()
        let sale = try TestSale.create(under.redis, stock: 100)
        try under.sell(sale, to: 0..<20)
        var deaths = 0
        while deaths < 10 {
            let worker = try under.start(["SALE_WORKER_FAILPOINT": "entry:buyer-7"])
            #expect(eventually { !worker.isRunning || under.isDrained(sale) })
            guard !worker.isRunning else { break }
            #expect(worker.wait() == -SIGKILL)
            deaths += 1
        }
        // Four times with its neighbours, and twice by itself.
        #expect(deaths == 6)
        #expect(under.drained(sale))
        #expect(try under.stored(sale)?.orders.map(\.id.position) == Array(1...7) + Array(9...20))
        #expect(try letters(under.database) == ["crashes_worker|deliver|8|7|1"])
        #expect(try under.redis.status(sale)?.persistedPosition == 20)
        #expect(try under.reconciled(sale))
        #expect(try SQLiteShell.run(under.database, "SELECT count(*) FROM trials") == ["0"])
    }

    @Test func `is not an entry that was only delivered often`() throws {
        let under = try WorkerUnderTest()
        let sale = try TestSale.create(under.redis, stock: 10)
        try under.sell(sale, to: 0..<5)
        let keys = SaleKeys(sale)
        let (stream, group) = (RedisArgument(keys.orders), RedisArgument(SaleKeys.group))
        try under.redis.command(["XGROUP", "CREATE", stream, group, "0"])
        // A worker that was disconnected a hundred times.
        for _ in 0..<100 {
            for id in [">", "0"] as [RedisArgument] {
                try under.redis.command(["XREADGROUP", "GROUP", group, "tester", "STREAMS", stream, id])
            }
        }
        try under.start()
        #expect(under.drained(sale))
        #expect(try under.stored(sale)?.sold == 5)
        #expect(try letters(under.database).isEmpty)
        #expect(try SQLiteShell.run(under.database, "SELECT count(*) FROM trials") == ["0"])
    }
}

@Suite struct `A dead letter that Redis never got` {
    @Test func `is moved there when the entry is delivered again, once`() throws {
        let under = try WorkerUnderTest()
        let sale = try TestSale.create(under.redis, stock: 10)
        try under.add(sale, ["rubbish", "1"])
        let killed = try under.start(["SALE_WORKER_FAILPOINT": "before_dead_letter"])
        #expect(killed.wait() == -SIGKILL)
        #expect(try under.deadLetters(sale).isEmpty)
        #expect(try SQLiteShell.run(under.database, "SELECT moved_at_ms IS NULL FROM dead_letters") == ["1"])
        try under.start()
        #expect(under.drained(sale))
        #expect(try under.deadLetters(sale).count == 1)
        #expect(
            eventually {
                (try? SQLiteShell.run(
                    under.database, "SELECT moved_at_ms > 0, attempts FROM dead_letters")) == ["1|2"]
            })
    }
}
