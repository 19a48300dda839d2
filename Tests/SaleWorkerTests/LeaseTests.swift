import Foundation
import OrderStore
import RedisClient
import Shared
import TestSupport
import Testing

@Suite struct `The right to work on a Redis` {
    private let under: WorkerUnderTest
    private let sale: SaleID

    init() throws {
        under = try WorkerUnderTest()
        sale = try TestSale.create(under.redis, stock: 100)
    }

    /// Starts a worker with another database.
    private func startOther() throws -> ChildProcess {
        try under.start([
            "SALE_DATABASE": under.server.directory.path("other.db"), "SALE_WORKER_NAME": "other",
            "SALE_OPS_LISTEN": "unix:\(under.server.directory.path("other.sock"))",
            "SALE_LEDGER_LISTEN": "unix:\(under.server.directory.path("other-ledger.sock"))",
        ])
    }

    @Test func `keeps a worker with another database from storing a part of the orders`() throws {
        let first = try under.start()
        try under.sell(sale, to: 0..<5)
        #expect(under.drained(sale))
        let other = try startOther()
        #expect(
            eventually {
                other.errors.contains("worker_failed") && other.errors.contains("the worker tester (")
                    && other.errors.contains("is storing these orders in another database")
            }, "\(other.errors)")
        for first in stride(from: 5, to: 50, by: 5) { try under.sell(sale, to: first..<first + 5) }
        #expect(under.drained(sale))
        #expect(try under.account(sale)?.sold == 50)
        let ready = try UnixHTTPClient(under.server.directory.path("other.sock")).ask("GET", "/readyz")
        #expect(ready.status == 503)
        #expect(first.isRunning)
    }

    @Test func `passes to a worker with another database once the first has gone, and it learns everything`() throws {
        let first = try under.start()
        try under.sell(sale, to: 0..<5)
        #expect(under.drained(sale))
        let other = try startOther()
        #expect(eventually { other.errors.contains("worker_failed") }, "\(other.errors)")
        first.signal(SIGKILL)
        first.wait()
        try under.sell(sale, to: 5..<10)
        // As if ten seconds had passed.
        try under.redis.command(["DEL", "sale:worker"])
        #expect(eventually { other.errors.contains("recovered") }, "\(other.errors)")
        #expect(under.drained(sale))
        let result = try under.salectl(
            ["reconcile", "\(sale)"], ["SALE_DATABASE": under.server.directory.path("other.db")])
        #expect(result.code == 0, "\(result.output)")
    }

    @Test(arguments: ["sale.db", "sale.db.lock"])
    func `is given up by a worker whose files are removed`(_ file: String) throws {
        let worker = try under.start()
        try under.sell(sale, to: 0..<5)
        #expect(under.drained(sale))
        unlink(under.server.directory.path(file))
        #expect(worker.wait() == 73)
        #expect(worker.errors.contains("sale.db was removed or replaced meanwhile"))
    }
}
