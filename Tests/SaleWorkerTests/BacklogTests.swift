import OrderStore
import RedisClient
import Shared
import TestSupport
import Testing

@testable import SaleWorker

@Suite struct `The backlog` {
    /// What the metrics show for a sale with `orders`, of which a restored database has the first ten.
    private func measured(orders: Int) throws -> Int? {
        let server = try RedisServer()
        let redis = try server.connect()
        let sale = try TestSale.create(redis, stock: orders)
        let stream = RedisArgument(SaleKeys(sale).orders)
        let group = RedisArgument(SaleKeys.group)
        for start in stride(from: 0, to: orders, by: 500) {
            let buyers = (start..<min(start + 500, orders)).map { TestSale.Purchase(buyer: "b\($0)", key: "k") }
            _ = try TestSale.purchase(redis, sale, buyers)
        }
        // Every entry was delivered to the worker and acknowledged.
        try redis.command(["XGROUP", "CREATE", stream, group, "$"])
        let first = try redis.command(["XRANGE", stream, "-", "+", "COUNT", "11"])
        let stored = first.value[10][0].string ?? ""
        var reader = StreamReader(consumer: "tester")
        try reader.begin(sale, after: StreamID(stored), on: redis)
        let store = try OrderStore(path: server.directory.path("sale.db"))
        return SaleFigures(of: sale, isSetAside: false, store, on: redis).backlog
    }

    @Test(arguments: [(1500, 1490), (10_500, 10_000)])
    func `is counted while a restored database catches up, which Redis does not do`(_ orders: Int, _ shown: Int) throws
    {
        #expect(try measured(orders: orders) == shown)
    }
}
