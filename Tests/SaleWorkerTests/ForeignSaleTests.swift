import OrderStore
import RedisClient
import Shared
import TestSupport
import Testing

@Suite struct `Another sale of the same name` {
    private let under: WorkerUnderTest
    private let sale: SaleID

    /// The database has five orders of a sale, and no worker runs.
    init() throws {
        under = try WorkerUnderTest()
        sale = try TestSale.create(under.redis, stock: 100)
        let worker = try under.start()
        try under.sell(sale, to: 0..<5)
        _ = under.drained(sale)
        worker.stop()
    }

    @Test func `whose entries wait is fenced, and none of its orders is stored`() throws {
        try under.redis.command(["FLUSHALL"])
        try TestSale.create(under.redis, stock: 100)
        try under.sell(sale, to: 100..<109)
        let worker = try under.start()
        #expect(eventually { worker.errors.contains("two different sales of one name") }, "\(worker.errors)")
        #expect(try TestSale.purchase(under.redis, sale, [.init(buyer: "x", key: "k")]).codes == "F")
        #expect(try under.stored(sale)?.orders.map(\.buyer) == (0..<5).map { "buyer-\($0)" })
    }

    @Test func `that takes its place while the worker runs is fenced within a second`() throws {
        let worker = try under.start()
        #expect(eventually { worker.errors.contains("sale_found") }, "\(worker.errors)")
        try under.redis.command(["HSET", "\(SaleKeys(sale).sale)", "uuid", "another"])
        #expect(eventually { worker.errors.contains("two different sales of one name") }, "\(worker.errors)")
        #expect(try under.redis.status(sale)?.servingRunID == "")
    }

    @Test func `is not changed by salectl, and is fenced`() throws {
        try under.redis.command(["HSET", "\(SaleKeys(sale).sale)", "uuid", "another"])
        #expect(try under.redis.control(sale, .close) == nil)
        let result = try under.salectl(["erase", "\(sale)", "buyer-1", "--reason", "a test"])
        #expect(result.code == ExitCode.unavailable)
        #expect(result.errors.contains("two different sales of one name"))
        #expect(try under.redis.status(sale)?.servingRunID == "")
        #expect(try under.stored(sale)?.orders.map(\.buyer).contains("buyer-1") == true)
    }

    @Test func `sells again when it is the right one`() throws {
        let key = RedisArgument(SaleKeys(sale).sale)
        let uuid = try #require(try under.redis.status(sale)?.uuid)
        let worker = try under.start()
        try under.redis.command(["HSET", key, "uuid", "another"])
        #expect(eventually { worker.errors.contains("two different sales of one name") }, "\(worker.errors)")
        try under.redis.command(["HSET", key, "uuid", "\(uuid)"])
        #expect(eventually { worker.errors.contains("fence_lifted") }, "\(worker.errors)")
        try under.sell(sale, to: 5..<6)
        #expect(under.drained(sale))
        #expect(try under.stored(sale)?.sold == 6)
    }
}
