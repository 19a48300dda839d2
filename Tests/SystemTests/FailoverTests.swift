import Foundation
import RedisClient
import Shared
import TestSupport
import Testing

@Suite(.serialized) struct `A sale on a primary, two replicas and three Sentinels` {
    private static let stock = 500
    private static let buyers = 6000

    /// What was told, what SQLite holds and what the new primary holds are one story.
    private func expectNothingLost(_ system: SaleSystem, _ sale: SaleID, _ run: SaleSystem.Run) throws {
        #expect(run.report["duplicates"] == 0)
        #expect(run.report["errors"] == 0)
        #expect(run.report["secured"] == Double(Self.stock))
        HistoryChecks.expectFirstComeFirstServed(run.attempts)
        HistoryChecks.expectOneOrderPerKey(run.attempts)
        HistoryChecks.expectSoldOutOnlyWhenTrue(run.attempts, stock: Self.stock)
        #expect(system.drained(sale))
        var stored: [Int: String] = [:]
        for line in try system.query("SELECT position || ' ' || buyer || ' ' || key FROM orders") {
            let words = line.split(separator: " ", maxSplits: 1)
            stored[Int(words[0])!] = String(words[1])
        }
        #expect(stored.count == Self.stock)
        for attempt in run.attempts where attempt.won {
            #expect(
                stored[attempt.position!] == "\(attempt.buyer) \(attempt.key)", "a confirmed order is not in SQLite")
        }
        let comparison = try system.salectl(["reconcile", "\(sale)"])
        #expect(comparison.code == 0, "\(comparison.output)")
    }

    /// Runs a stampede of six seconds, and `fault` in the middle of the selling.
    private func stampede(_ fault: (RedisFleet, SaleSystem) throws -> Void) throws {
        let fleet = try RedisFleet()
        let system = try SaleSystem(apis: 2, fleet: fleet)
        try system.startWorker()
        let sale = try TestSale.create(system.connect(), stock: Self.stock)
        let first = try #require(fleet.primary())
        let run = try system.stampede(sale, ["--buyers", "\(Self.buyers)", "--over", "6s"]) {
            // Selling has begun, and most of the stock is still there.
            _ = eventually { (try? system.connect().status(sale)?.position ?? 0) ?? 0 > 20 }
            try fault(fleet, system)
        }
        let now = try #require(fleet.primary())
        #expect(now !== first, "no failover took place: the run proves nothing")
        let undecided = run.attempts.contains { $0.status == 503 || $0.status == 202 || $0.isLost }
        #expect(undecided, "the fault was never met: the run proves nothing")
        try expectNothingLost(system, sale, run)
    }

    @Test func `loses nothing when the primary is killed and left dead`() throws {
        try stampede { fleet, _ in fleet.servers[0].crash() }
    }

    @Test func `loses nothing when the primary stands still, is replaced, and wakes up again`() throws {
        try stampede { fleet, _ in
            fleet.servers[0].pause()
            let replaced = eventually { (fleet.primary().map { $0 !== fleet.servers[0] }) ?? false }
            #expect(replaced)
            fleet.servers[0].resume()
        }
    }

    @Test func `loses nothing in a planned failover`() throws {
        try stampede { fleet, _ in try fleet.failOver() }
    }
}
