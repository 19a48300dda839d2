import Foundation
import RedisClient
import Shared
import TestSupport

/// A sale of a hundred units, and a fault in it. The system withstands each of these faults, unless the right bug is
/// planted.
enum Schedule: CaseIterable {
    /// The worker starts after everything is sold.
    case workerComesLate
    /// A buyer presses with more keys than it may have units.
    case buyerHasKeys
    /// The worker is killed before it commits.
    case workerIsKilled
    /// The worker's consumer group is destroyed while orders wait in it.
    case groupIsLost
    /// Another process holds SQLite's lock during the sale.
    case databaseIsLocked
    /// SQLite's file is replaced by an older copy.
    case databaseIsOlder
    /// An order appears on the stream that contradicts a stored one.
    case strayOrder
    /// The replica freezes for a moment, and then has to replace the primary.
    case failover
    /// The machine of Redis and the API restarts in mid-sale, and Redis comes up with an older copy of its data.
    case redisIsOlder
    /// Redis was started without an append-only file; the machine restarts in mid-sale with the setting fixed.
    case redisWithoutLog

    private static let stock = 100
    private static let buyers = 300
    /// Buyers for some seconds, with units left in the first third: time for the fault.
    private static func steadily(_ seconds: Int = 3) -> [String] {
        ["--buyers", "\(buyers)", "--over", "\(seconds)s", "--connections", "32"]
    }
    /// Orders after which the fault strikes: some units are sold, and most are not.
    private static let some = 20

    /// Runs it, with or without a bug, until everything is at rest. Returns the verdict of the check.
    func verdict(with bug: PlantedBug?) throws -> SaleSystem.Verdict {
        switch self {
        case .workerComesLate: try workerComesLate(bug)
        case .buyerHasKeys: try buyerHasKeys(bug)
        case .workerIsKilled: try workerIsKilled(bug)
        case .groupIsLost: try groupIsLost(bug)
        case .databaseIsLocked: try databaseIsLocked(bug)
        case .databaseIsOlder: try databaseIsOlder(bug)
        case .strayOrder: try strayOrder(bug)
        case .failover: try inTime { try failover(bug, over: $0) }
        case .redisIsOlder: try inTime { try redisIsOlder(bug, over: $0) }
        case .redisWithoutLog: try redisWithoutLog(bug)
        }
    }

    /// Makes the sale, and waits until the worker has found it. A buyer may win twice, with two keys.
    private func begin(_ system: SaleSystem) throws -> SaleID {
        let sale = try TestSale.create(system.connect(), stock: Self.stock, maxPerBuyer: 2)
        try system.startWorker()
        try system.awaitRest(sale)
        return sale
    }

    /// Waits until some units have been sold.
    private func awaitSelling(_ system: SaleSystem, _ sale: SaleID) throws {
        try waitUntil("units are sold") { try system.connect().status(sale)?.position ?? 0 > Self.some }
    }

    /// Nearly all units were sold before the fault struck, as on a machine that stood still meanwhile.
    private struct TooLate: Error {}

    /// Plays a schedule with buyers for three seconds and, if the fault comes too late then, for twelve.
    private func inTime(_ play: (Int) throws -> SaleSystem.Verdict) throws -> SaleSystem.Verdict {
        do { return try play(3) } catch is TooLate { return try play(12) }
    }

    private func expectUnitsLeft(_ system: SaleSystem, _ sale: SaleID) throws {
        guard let left = try system.connect().status(sale)?.remaining, left > 2 * Self.some else { throw TooLate() }
    }

    private func waitUntil(_ what: String, _ condition: () throws -> Bool) throws {
        guard try eventually(condition) else { throw SaleSystem.Failure("waited without success: \(what)") }
    }

    // MARK: Buyers

    private func buyerHasKeys(_ bug: PlantedBug?) throws -> SaleSystem.Verdict {
        let system = try SaleSystem(apis: 1, bug: bug)
        let sale = try begin(system)
        let run = try system.stampede(sale, ["--buyers", "\(Self.stock / 2)", "--connections", "16"])
        // The load client's buyers have one key each.
        for key in ["first", "second", "third"] { try system.press(sale, "collector", key: key, run) }
        try system.awaitRest(sale)
        return try system.check(sale, run, stock: Self.stock)
    }

    // MARK: The worker and SQLite

    private func workerComesLate(_ bug: PlantedBug?) throws -> SaleSystem.Verdict {
        let system = try SaleSystem(apis: 2, bug: bug)
        let sale = try begin(system)
        system.stopWorker()
        let run = try system.stampede(
            sale, ["--buyers", "\(Self.buyers)", "--connections", "16", "--retry-share", "0.5"])
        try system.startWorker()
        try system.awaitRest(sale)
        return try system.check(sale, run, stock: Self.stock, met: "replayed")
    }

    private func workerIsKilled(_ bug: PlantedBug?) throws -> SaleSystem.Verdict {
        let system = try SaleSystem(apis: 1, bug: bug)
        let sale = try begin(system)
        system.stopWorker()
        try system.startWorker(["SALE_WORKER_FAILPOINT": "before_commit"])
        let run = try system.stampede(sale, ["--buyers", "\(Self.buyers)", "--connections", "16"])
        try waitUntil("the worker has killed itself") { system.worker?.isRunning == false }
        try system.startWorker()
        try system.awaitRest(sale)
        // With a bug that acknowledges too early, the stream is at rest before the last commit.
        try waitUntil("all is stored") { system.drained(sale) }
        return try system.check(sale, run, stock: Self.stock)
    }

    private func groupIsLost(_ bug: PlantedBug?) throws -> SaleSystem.Verdict {
        let system = try SaleSystem(apis: 1, bug: bug)
        let sale = try begin(system)
        system.stopWorker()
        let run = try system.stampede(sale, ["--buyers", "\(Self.buyers)", "--connections", "16"])
        try system.connect().command([
            "XGROUP", "DESTROY", "\(SaleKeys(sale).orders)", "\(SaleKeys.group)",
        ])
        try system.startWorker()
        try system.awaitRest(sale)
        return try system.check(sale, run, stock: Self.stock)
    }

    private func databaseIsLocked(_ bug: PlantedBug?) throws -> SaleSystem.Verdict {
        let system = try SaleSystem(apis: 1, bug: bug)
        let sale = try begin(system)
        let lock = try SQLiteLock(system.database)
        let run = try system.stampede(sale, Self.steadily()) {
            try waitUntil("the worker fails to store") { system.worker?.errors.contains("store_failed") == true }
            lock.release()
        }
        try system.awaitRest(sale)
        return try system.check(sale, run, stock: Self.stock)
    }

    private func databaseIsOlder(_ bug: PlantedBug?) throws -> SaleSystem.Verdict {
        let system = try SaleSystem(apis: 1, bug: bug)
        let sale = try begin(system)
        let copy = system.directory.path("older.db")
        _ = try SQLiteShell.run(system.database, ".backup \(copy)")
        let run = try system.stampede(sale, ["--buyers", "\(Self.buyers)", "--connections", "16"])
        try system.awaitRest(sale)
        system.stopWorker()
        removeDatabase(system.database)
        try FileManager.default.copyItem(atPath: copy, toPath: system.database)
        try system.startWorker()
        try system.awaitRest(sale)
        return try system.check(sale, run, stock: Self.stock)
    }

    private func strayOrder(_ bug: PlantedBug?) throws -> SaleSystem.Verdict {
        let system = try SaleSystem(apis: 1, bug: bug)
        let sale = try begin(system)
        // Units are left: in a sold-out sale, SQLite's CHECK would refuse one more whatever the worker does.
        let run = try system.stampede(sale, ["--buyers", "\(Self.stock / 2)", "--connections", "16"])
        try system.connect().command([
            "XADD", "\(SaleKeys(sale).orders)", "*", "v", "1", "kind", "order", "epoch", "1",
            "order", "\(sale)-1", "position", "1", "buyer", "a-stranger", "quantity", "1",
            "key", "never-pressed", "trace", RedisArgument(String(repeating: "0", count: 32)), "at_ms", "1",
        ])
        try system.awaitRest(sale)
        return try system.check(sale, run, stock: Self.stock)
    }

    // MARK: Redis

    private func failover(_ bug: PlantedBug?, over seconds: Int) throws -> SaleSystem.Verdict {
        let pair = try RedisPair()
        let system = try SaleSystem(apis: 1, pair: pair, bug: bug)
        let sale = try begin(system)
        let run = try system.stampede(sale, Self.steadily(seconds)) {
            try awaitSelling(system, sale)
            pair.replica.pause()
            try expectUnitsLeft(system, sale)
            // Either more buyers hear that they have won, or a batch is held back because the replica is missing.
            let told = system.wins
            try waitUntil("orders depend on the replica") {
                system.wins > told + Self.some || system.apis[0].errors.contains("batch_unconfirmed")
            }
            try pair.failOver()
        }
        try system.awaitRest(sale)
        return try system.check(sale, run, stock: Self.stock, met: bug == nil ? "pending,unavailable" : "")
    }

    private func redisIsOlder(_ bug: PlantedBug?, over seconds: Int) throws -> SaleSystem.Verdict {
        let system = try SaleSystem(apis: 1, bug: bug)
        let sale = try begin(system)
        let log = system.directory.path("appendonlydir")
        let copy = system.directory.path("older-appendonlydir")
        try FileManager.default.copyItem(atPath: log, toPath: copy)
        let run = try system.stampede(sale, Self.steadily(seconds)) {
            try awaitSelling(system, sale)
            system.killAPI(0)
            try expectUnitsLeft(system, sale)
            try system.awaitRest(sale)
            system.stopWorker()
            system.redis.crash()
            try FileManager.default.removeItem(atPath: log)
            try FileManager.default.moveItem(atPath: copy, toPath: log)
            try system.redis.restart()
            try system.startAPI(0)
            try waitUntil("buyers are turned away, or everything is sold again") {
                try system.metric("sale_decisions_total{outcome=\"fenced\"}") > 0
                    || system.connect().status(sale)?.remaining == 0
            }
            try system.startWorker()
        }
        try system.awaitRest(sale)
        return try system.check(sale, run, stock: Self.stock, met: bug == nil ? "unavailable" : "")
    }

    private func redisWithoutLog(_ bug: PlantedBug?) throws -> SaleSystem.Verdict {
        let system = try SaleSystem(apis: 0, redis: RedisServer(["--appendonly", "no"]), bug: bug)
        let sale = try begin(system)
        system.stopWorker()
        try system.startAPI(0, says: "\"redis_")
        let run = try system.stampede(sale, Self.steadily()) {
            var asked = 0
            try waitUntil("buyers have had answers") {
                asked += 1
                return system.metric("sale_http_requests_total") - asked > Self.some
            }
            system.killAPI(0)
            system.redis.crash()
            try system.redis.restart([])
            try system.startWorker()
            try waitUntil("the worker has brought the sale back") {
                system.worker?.errors.contains("fence_lifted") == true
            }
            try system.startAPI(0)
        }
        try system.awaitRest(sale)
        return try system.check(sale, run, stock: Self.stock, met: bug == nil ? "unavailable" : "")
    }
}
