import Glibc
import OrderStore
import RedisClient
import Shared
import TestSupport
import Testing

@Suite struct `The fence` {
    /// Sells, stores, and starts Redis anew: from here on the sale is fenced.
    private func restarted(_ under: WorkerUnderTest, changing change: (BlockingRedis, SaleKeys) throws -> Void) throws
        -> SaleID
    {
        let sale = try TestSale.create(under.redis, stock: 10)
        try under.sell(sale, to: 0..<4)
        let worker = try under.start()
        #expect(under.drained(sale))
        worker.signal(SIGKILL)
        worker.wait()
        try change(under.redis, SaleKeys(sale))
        under.server.crash()
        try under.server.restart()
        return sale
    }

    private func buy(_ under: WorkerUnderTest, _ sale: SaleID) throws -> String {
        try TestSale.purchase(under.server.connect(), sale, [.init(buyer: "late", key: "k")]).codes
    }

    @Test func `is lifted from a restarted Redis that tells the same story as SQLite`() throws {
        let under = try WorkerUnderTest()
        let sale = try restarted(under) { _, _ in }
        #expect(try buy(under, sale) == "F")
        let worker = try under.start()
        #expect(eventually { worker.errors.contains("fence_lifted") })
        #expect(try buy(under, sale) == "S")
    }

    @Test func `is lifted after the worker has stored what it was behind`() throws {
        let under = try WorkerUnderTest()
        let sale = try restarted(under) { redis, _ in try under.sell(SaleID("demo")!, to: 4..<7) }
        let worker = try under.start()
        #expect(eventually { worker.errors.contains("fence_lifted") })
        #expect(try under.account(sale)?.sold == 7)
        #expect(try buy(under, sale) == "S")
    }

    @Test(arguments: [
        ("a buyer was forgotten", ["HDEL", "buyers", "buyer-2"], "position 3 is in SQLite and not in Redis"),
        ("units came back", ["INCRBY", "stock", "2"], "Redis has 8 units left; the orders leave 6"),
        ("the position went back", ["SET", "position", "2"], "Redis' last position is 2; the orders' last is 4"),
        ("it is another sale", ["HSET", "", "uuid", "another"], "two different sales of one name"),
        ("a win was altered", ["HSET", "buyers", "buyer-0", "key-0 1 2 3 1"], "position 1 is"),
        ("the stock is gone", ["DEL", "stock"], "stock of the sale is missing"),
    ])
    func `stays where the two differ, and the log says how`(_ what: String, _ change: [String], _ reason: String) throws
    {
        let under = try WorkerUnderTest()
        let sale = try restarted(under) { redis, keys in
            let key = change[1].isEmpty ? keys.sale : "\(keys.sale):\(change[1])"
            let rest = change.dropFirst(2).map { RedisArgument($0) }
            try redis.command([RedisArgument(change[0]), RedisArgument(key)] + rest)
        }
        let worker = try under.start()
        #expect(eventually { worker.errors.contains("fence_kept") })
        #expect(worker.errors.contains(reason), "\(what): \(worker.errors)")
        #expect(try buy(under, sale) == "F")
        #expect(try under.reconciled(sale) == false)
    }

    @Test func `a sale that Redis has lost altogether is said to be lost`() throws {
        let under = try WorkerUnderTest()
        _ = try restarted(under) { redis, _ in try redis.command(["FLUSHALL"]) }
        let worker = try under.start()
        #expect(eventually { worker.errors.contains("sale_lost") })
    }
}
