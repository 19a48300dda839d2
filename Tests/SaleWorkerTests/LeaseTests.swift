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
    private func startOther(_ variables: [String: String] = [:]) throws -> ChildProcess {
        let settings = [
            "SALE_DATABASE": under.server.directory.path("other.db"), "SALE_WORKER_NAME": "other",
            "SALE_OPS_LISTEN": "unix:\(under.server.directory.path("other.sock"))",
            "SALE_LEDGER_LISTEN": "unix:\(under.server.directory.path("other-ledger.sock"))",
        ]
        return try under.start(settings.merging(variables) { $1 })
    }

    @Test func `keeps a worker with another database from storing a part of the orders`() throws {
        let first = try under.start()
        try under.sell(sale, to: 0..<5)
        #expect(under.drained(sale))
        let other = try startOther()
        #expect(
            eventually {
                other.errors.contains("worker_failed")
                    && other.errors.contains("tester is storing these orders in another database")
            }, "\(other.errors)")
        for first in stride(from: 5, to: 50, by: 5) { try under.sell(sale, to: first..<first + 5) }
        #expect(under.drained(sale))
        #expect(try under.stored(sale)?.sold == 50)
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
        first.stop(SIGKILL)
        try under.sell(sale, to: 5..<10)
        // As if ten seconds had passed.
        try under.redis.command(["DEL", "sale:worker"])
        #expect(eventually { other.errors.contains("recovered") }, "\(other.errors)")
        #expect(under.drained(sale))
        let result = try under.salectl(
            ["reconcile", "\(sale)"], ["SALE_DATABASE": under.server.directory.path("other.db")])
        #expect(result.code == 0, "\(result.output)")
    }

    @Test(arguments: [false, true])
    func `comes back to a worker that hung, and it learns what another database has got`(
        _ wakesInTime: Bool
    ) throws {
        let first = try under.start()
        try under.sell(sale, to: 0..<5)
        #expect(under.drained(sale))
        first.signal(SIGSTOP)
        // As if ten seconds had passed; longer than until it would be renewed.
        usleep(1_100_000)
        try under.redis.command(["DEL", "sale:worker"])
        let other = try startOther()
        try under.sell(sale, to: 5..<10)
        _ = try under.redis.restock(sale, units: 10)
        #expect(under.drained(sale))
        if wakesInTime {
            first.signal(SIGCONT)
            #expect(eventually { first.errors.contains("other is storing these orders in another database") })
        }
        other.stop()
        first.signal(SIGCONT)
        try under.sell(sale, to: 10..<15)
        #expect(try eventually { try under.stored(sale)?.sold == 15 && under.reconciled(sale) })
        #expect(try under.stored(sale)?.persistedPosition == 15)
    }

    /// Entries that were delivered and not acknowledged.
    private func pending() throws -> Int? {
        let reply = try under.redis.command(["XPENDING", "\(SaleKeys(sale).orders)", "\(SaleKeys.group)"])
        return reply.value[0].integer
    }

    /// Has the worker hang in the middle of its next batch, which `add` adds, for as long as `meanwhile` takes, as if
    /// its lease had expired and a worker with another database had taken over.
    private func hang(_ worker: ChildProcess, after add: () throws -> Void, meanwhile: () -> Void = {}) throws {
        let lock = try SQLiteLock(under.database)
        try add()
        // It waits for SQLite now.
        #expect(try eventually { try (pending() ?? 0) > 0 })
        worker.signal(SIGSTOP)
        meanwhile()
        try under.redis.command(["SET", "sale:worker", "another-database other"])
        lock.release()
        worker.signal(SIGCONT)
        #expect(eventually { worker.errors.contains("other is storing these orders in another database") })
    }

    @Test func `is needed to acknowledge a batch in whose middle the worker hung`() throws {
        let worker = try under.start()
        #expect(under.drained(sale))
        try hang(worker, after: { try under.sell(sale, to: 0..<5) })
        #expect(try pending() == 5)
        #expect(try under.redis.status(sale)?.persistedPosition == 0)
        try under.redis.command(["DEL", "sale:worker"])
        #expect(under.drained(sale))
        #expect(try under.redis.status(sale)?.persistedPosition == 5)
        #expect(try under.stored(sale)?.sold == 5)
    }

    @Test func `is asked for once more before a worker that hung pauses a sale`() throws {
        let worker = try under.start()
        try under.sell(sale, to: 0..<1)
        #expect(under.drained(sale))
        // Longer than until it is renewed.
        try hang(worker, after: { try under.addImpostor(sale) }, meanwhile: { usleep(1_100_000) })
        #expect(try pending() == 1)
        #expect(try under.redis.status(sale)?.paused == false)
        try under.redis.command(["DEL", "sale:worker"])
        #expect(try eventually { try under.redis.status(sale)?.paused == true })
    }

    @Test func `is given back by a worker that stops`() throws {
        let first = try under.start()
        #expect(under.drained(sale))
        first.stop()
        #expect(try under.redis.command(["EXISTS", "sale:worker"]).integer == 0)
    }

    @Test func `is needed for an operator's operation, too`() throws {
        let first = try under.start()
        try under.sell(sale, to: 0..<5)
        #expect(under.drained(sale))
        let token = under.server.directory.path("ops.token")
        try "a-token-of-forty-three-characters-and-no-more".write(toFile: token, atomically: true, encoding: .utf8)
        let other = try startOther(["SALE_OPS_TOKEN_FILE": token])
        #expect(eventually { other.errors.contains("worker_failed") }, "\(other.errors)")
        let answer = try UnixHTTPClient(under.server.directory.path("other.sock")).ask(
            "POST", "/v1/operations",
            headers: [
                ("Authorization", "Bearer a-token-of-forty-three-characters-and-no-more"),
                ("Content-Type", "application/json"),
            ], body: #"{"operation":"erase","sale":"demo","buyer":"buyer-1","reason":"a test"}"#)
        #expect(answer.status == 503)
        #expect((answer.json["reason"] as? String)?.contains("in another database") == true, "\(answer.body)")
        #expect(first.isRunning)
    }

    @Test func `is needed by salectl, too, where no worker holds the database`() throws {
        try under.sell(sale, to: 0..<5)
        let worker = try under.start()
        #expect(try under.redis.control(sale, .close) == nil)
        #expect(under.drained(sale))
        let copy = under.server.directory.path("copy.db")
        #expect(try under.salectl(["backup", copy]).code == 0)
        func erase() throws -> (code: Int32, output: String, errors: String) {
            try under.salectl(["erase", "\(sale)", "buyer-1", "--reason", "a test"], ["SALE_DATABASE": copy])
        }
        let refused = try erase()
        #expect(refused.code == ExitCode.temporaryFailure)
        #expect(refused.errors.contains("tester is storing these orders in another database"))
        #expect(try StoreReader(path: copy).stored(sale)?.orders.map(\.buyer).contains("buyer-1") == true)
        worker.stop()
        let done = try erase()
        #expect(done.code == 0, "\(done.errors)")
        #expect(try under.redis.command(["EXISTS", "sale:worker"]).integer == 0)
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
