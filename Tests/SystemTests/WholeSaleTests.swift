import Foundation
import RedisClient
import Shared
import TestSupport
import Testing

@Suite(.serialized) struct `A whole sale` {
    private static let stock = 200
    private static let buyers = 3000
    /// Enough for most of the time that buyers come `steadily`, in which a fault must strike: a sale that is sold out
    /// would be answered from memory.
    private static let largeStock = 2500
    private static func steadily(_ seconds: Int) -> [String] { ["--buyers", "\(buyers)", "--over", "\(seconds)s"] }

    /// All units were sold before the fault struck, as on a machine that stood still meanwhile.
    private struct TooLate: Error {}

    /// Plays a sale with buyers for five seconds and, if the fault comes too late then, for twenty.
    private func inTime(_ play: (Int) throws -> Void) throws {
        do { try play(5) } catch is TooLate { try play(20) }
    }

    /// Expects every promise to hold: the buyers' answers, SQLite and Redis agree.
    private func expectExact(
        _ system: SaleSystem, _ sale: SaleID, _ run: SaleSystem.Run, stock: Int = Self.stock, met: String = ""
    ) throws {
        #expect(run.report["secured"] == Double(stock))
        #expect(run.report["sold_out"] == Double(Self.buyers - stock))
        #expect(run.report["errors"] == 0)
        #expect(run.report["duplicates"] == 0)
        #expect(system.drained(sale))
        let complaint = try system.complaint(sale, run, stock: stock, met: met)
        #expect(complaint == nil)
    }

    @Test func `sells exactly its stock to concurrent buyers through several API processes`() throws {
        let system = try SaleSystem(apis: 3)
        try system.startWorker()
        let sale = try TestSale.create(system.redis.connect(), stock: Self.stock)
        let run = try system.stampede(
            sale, ["--buyers", "\(Self.buyers)", "--connections", "96", "--retry-share", "0.2"])
        try expectExact(system, sale, run, met: "replayed")
        #expect(run.report["lost"] == 0)
    }

    @Test func `keeps every promise when an API process is killed in the middle of a batch`() throws {
        try inTime(killingAPI)
    }

    private func killingAPI(over seconds: Int) throws {
        let system = try SaleSystem(apis: 2)
        try system.startWorker()
        let sale = try TestSale.create(system.redis.connect(), stock: Self.largeStock)
        let run = try system.stampede(sale, Self.steadily(seconds)) {
            try system.awaitSold(sale)
            // While Redis is frozen, presses are in flight that it will decide and that this process can't answer.
            system.redis.pause()
            let isWaiting = eventually(seconds: 10) { system.metric("sale_purchases_waiting") > 0 }
            guard isWaiting else {
                system.redis.resume()
                throw TooLate()
            }
            system.apis[0].stop(SIGKILL)
            system.redis.resume()
            try system.startAPI(0)
        }
        try expectExact(system, sale, run, stock: Self.largeStock, met: "lost,replayed")
    }

    @Test func `keeps every promise when Redis is killed and restarted, and the worker lifts the fence`() throws {
        try inTime(killingRedis)
    }

    private func killingRedis(over seconds: Int) throws {
        let system = try SaleSystem(apis: 2)
        try system.startWorker()
        let sale = try TestSale.create(system.redis.connect(), stock: Self.largeStock)
        let run = try system.stampede(sale, Self.steadily(seconds)) {
            try system.awaitSold(sale)
            system.redis.crash()
            let isRefused = eventually(seconds: 10) { system.metric("sale_http_responses_total{class=\"5xx\"}") > 0 }
            guard isRefused else { throw TooLate() }
            try system.redis.restart()
        }
        try expectExact(system, sale, run, stock: Self.largeStock, met: "unavailable")
    }

    @Test func `keeps every promise when the worker is killed and restarted`() throws {
        let system = try SaleSystem(apis: 2)
        try system.startWorker()
        // It has made its database, which it couldn't while that is locked.
        #expect(eventually { system.worker?.errors.contains("\"working\"") == true })
        let sale = try TestSale.create(system.redis.connect(), stock: Self.stock)
        // It reads orders, and can't store them.
        let lock = try SQLiteLock(system.database)
        let run = try system.stampede(sale, ["--buyers", "\(Self.buyers)", "--over", "2s"]) {
            try system.awaitSold(sale)
            for _ in 0..<3 {
                #expect(try eventually { try system.connect().progress(of: sale)?.pending ?? 0 > 0 })
                system.worker?.stop(SIGKILL)
                try system.startWorker()
            }
            lock.release()
        }
        try expectExact(system, sale, run)
        // No buyer notices.
        #expect(run.report["lost"] == 0)
    }

    @Test func `counts shed buyers if nobody comes back`() throws {
        let system = try SaleSystem(apis: 1)
        let sale = try TestSale.create(system.redis.connect(), stock: 5)
        system.redis.crash()
        let run = try system.stampede(sale, ["--buyers", "40", "--connections", "4", "--once"])
        #expect(run.report["shed"] == 40)
        #expect(run.report["errors"] == 0)
        #expect(run.report["goodput_per_second"] == 0)
    }

    @Test func `is pressed for on connections that are reopened before a server closes them`() throws {
        let system = try SaleSystem(apis: 1)
        let sale = try TestSale.create(system.redis.connect(), stock: 5)
        // One connection is enough for all of them; the others are idle. Ten seconds would do on a machine that never
        // stands still.
        _ = try system.stampede(sale, ["--buyers", "10", "--over", "15s", "--connections", "20"])
        #expect(system.metric("sale_http_connections_total") >= 39)
    }

    @Test func `stops every program cleanly`() throws {
        let system = try SaleSystem(apis: 1)
        try system.startWorker()
        let sale = try TestSale.create(system.redis.connect(), stock: 5)
        _ = try system.stampede(sale, ["--buyers", "20", "--connections", "4"])
        #expect(system.drained(sale))
        #expect(system.apis[0].stop() == 0)
        #expect(system.worker?.stop() == 0)
        #expect(try system.query("PRAGMA integrity_check") == ["ok"])
    }
}
