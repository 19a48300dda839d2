import Foundation
import OrderStore
import RedisClient
import Shared
import TestSupport

/// A real worker on a real Redis, and ways to query both.
final class WorkerUnderTest {
    let server: RedisServer
    let redis: BlockingRedis
    let database: String
    private(set) var worker: ChildProcess?
    private var starts = 0

    init(database: String? = nil, redisSettings: [String] = []) throws {
        server = try RedisServer(redisSettings)
        redis = try server.connect()
        self.database = database ?? server.directory.path("sale.db")
    }

    var opsSocket: String { server.directory.path("ops.sock") }
    var ledgerSocket: String { server.directory.path("ledger.sock") }

    /// Starts a worker; `variables` add to its settings.
    @discardableResult
    func start(_ variables: [String: String] = [:]) throws -> ChildProcess {
        starts += 1
        let settings = [
            "SALE_REDIS_URL": server.url, "SALE_DATABASE": database, "SALE_WORKER_NAME": "tester",
            "SALE_OPS_LISTEN": "unix:\(opsSocket)", "SALE_LEDGER_LISTEN": "unix:\(ledgerSocket)",
        ]
        let child = try ChildProcess(
            ChildProcess.product("sale-worker"), environment: settings.merging(variables) { $1 },
            errorLog: server.directory.url.appendingPathComponent("worker-\(starts).log"))
        worker = child
        return child
    }

    /// Buys one unit for each of `buyers`, as an API process would.
    func sell(_ sale: SaleID, to buyers: Range<Int>) throws {
        _ = try TestSale.purchase(redis, sale, buyers.map { .init(buyer: "buyer-\($0)", key: "key-\($0)") })
    }

    /// Makes SQLite unable to take rows of a table, or those that fulfil a condition.
    func refuse(_ table: String, when condition: String = "TRUE") throws {
        _ = try SQLiteShell.run(
            database,
            "CREATE TRIGGER refuse BEFORE INSERT ON \(table) WHEN \(condition) BEGIN SELECT zeroblob(2000000000); END")
    }

    /// Undoes `refuse`.
    func acceptAgain() throws { _ = try SQLiteShell.run(database, "DROP TRIGGER refuse") }

    /// Adds an entry to a sale's stream by hand.
    @discardableResult
    func add(_ sale: SaleID, _ fields: [RedisArgument]) throws -> String {
        let reply = try redis.command(["XADD", "\(SaleKeys(sale).orders)", "*"] + fields)
        return reply.string ?? ""
    }

    /// Waits until everything in the stream has been delivered and acknowledged.
    func drained(_ sale: SaleID) -> Bool { eventually { isDrained(sale) } }

    /// Whether everything in the stream has been delivered and acknowledged.
    func isDrained(_ sale: SaleID) -> Bool {
        guard let progress = try? server.connect().progress(of: sale) else { return false }
        return progress.lag == 0 && progress.pending == 0
    }

    /// Adds an order by another buyer at position 1.
    func addImpostor(_ sale: SaleID) throws {
        try add(
            sale,
            [
                "v", "1", "kind", "order", "order", "demo-1", "position", "1", "buyer", "an-impostor", "quantity", "1",
                "key", "k", "trace", RedisArgument(String(repeating: "b", count: 32)), "at_ms", "1", "epoch", "1",
            ])
    }

    func stored(_ sale: SaleID) throws -> StoredSale? { try StoreReader(path: database).stored(sale) }

    /// The entries of the sale's dlq stream, each as names and values.
    func deadLetters(_ sale: SaleID) throws -> [[(name: String, value: [UInt8])]] {
        let reply = try redis.command(["XRANGE", "\(SaleKeys(sale).deadLetters)", "-", "+"])
        var letters: [[(name: String, value: [UInt8])]] = []
        let value = reply.value
        for index in 0..<value.count {
            let fields = value[index][1]
            var pairs: [(name: String, value: [UInt8])] = []
            for at in stride(from: 0, to: fields.count, by: 2) {
                pairs.append((fields[at].string ?? "", fields[at + 1].bytes ?? []))
            }
            letters.append(pairs)
        }
        return letters
    }

    /// Whether the only dead letter is noted as moved to Redis.
    func isNoted() throws -> Bool {
        try SQLiteShell.run(database, "SELECT moved_at_ms > 0 FROM dead_letters") == ["1"]
    }

    /// Runs salectl on both stores.
    func salectl(
        _ line: [String], _ variables: [String: String] = [:]
    ) throws -> (code: Int32, output: String, errors: String) {
        let settings = ["SALE_REDIS_URL": server.url, "SALE_DATABASE": database]
        return try ChildProcess.run(
            ChildProcess.product("salectl"), line, environment: settings.merging(variables) { $1 })
    }

    /// Whether Redis and SQLite are equal, according to salectl.
    func reconciled(_ sale: SaleID) throws -> Bool { try salectl(["reconcile", "\(sale)"]).code == 0 }
}
