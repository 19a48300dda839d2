import Foundation
import OrderStore
import RedisClient
import Shared
import TestSupport
import Testing

@Suite(.serialized) struct `A sale with a waiting room` {
    private static let stock = 150
    private static let buyers = 1500

    /// A sale that opens in `seconds`, by default ten times as long as everybody needs to join, and admits all of them
    /// within a second.
    private func sale(_ system: SaleSystem, opensIn seconds: Int = 3) throws -> SaleID {
        try system.startWorker()
        let opensAt = UnixMilliseconds(try system.connect().time().value + seconds * 1000 * patience)
        return try TestSale.create(
            system.connect(), stock: Self.stock, opensAt: opensAt, admission: .init(rate: Self.buyers))
    }

    private func expectServed(_ system: SaleSystem, _ sale: SaleID, _ run: SaleSystem.Run) throws {
        #expect(run.report["secured"] == Double(Self.stock))
        #expect(run.report["sold_out"] == Double(Self.buyers - Self.stock))
        #expect(run.report["errors"] == 0)
        #expect(run.report["duplicates"] == 0)
        #expect(system.drained(sale))
        #expect(try system.complaint(sale, run, stock: Self.stock) == nil)
    }

    private func fairness(_ system: SaleSystem, _ run: SaleSystem.Run) throws -> (code: Int32, json: [String: Any]) {
        let result = try system.salectl(["fairness", run.log, "--json"])
        return (
            result.code, (try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]) ?? [:]
        )
    }

    @Test func `serves everybody who joined before it opened in one order, through several API processes`() throws {
        let system = try SaleSystem(apis: 3)
        let sale = try sale(system)
        let run = try system.stampede(
            sale, ["--queue", "--buyers", "\(Self.buyers)", "--connections", "96", "--retry-share", "0.1"])
        try expectServed(system, sale, run)
        #expect(run.report["lost"] == 0)
        let (code, json) = try fairness(system, run)
        #expect(code == 0)
        let tickets = try #require(json["tickets"] as? [String: Any])
        #expect(tickets["count"] as? Int == Self.buyers)
        #expect((tickets["inversions"] as? [Any])?.isEmpty == true)
        let units = try #require(json["units"] as? [String: Any])
        #expect(units["count"] as? Int == Self.stock)
        #expect((units["inversions"] as? [Any])?.isEmpty == true)
        #expect((json["cut"] as? [String: Any])?["won_after_sold_out"] as? Int == 0)
        #expect(try system.connect().queue(sale)?.joined == Self.buyers)
    }

    @Test func `is reported unfair if later buyers come first`() throws {
        let system = try SaleSystem(apis: 1, bug: .countdownPositions)
        let sale = try TestSale.create(system.connect(), stock: 20)
        let run = try system.stampede(sale, ["--buyers", "40", "--connections", "1"])
        let (code, json) = try fairness(system, run)
        #expect(code == ExitCode.negative)
        let units = try #require(json["units"] as? [String: Any])
        #expect((units["inversions"] as? [Any])?.isEmpty == false)
    }

    @Test func `keeps every promise if Redis is lost during the wait and everybody joins again`() throws {
        let system = try SaleSystem(apis: 2)
        // Redis must be lost before it opens, also on a machine that stands still for a while.
        let sale = try sale(system, opensIn: 10)
        let run = try system.stampede(
            sale, ["--queue", "--buyers", "\(Self.buyers)", "--connections", "96"]
        ) {
            let joined = eventually { ((try? system.connect().queue(sale)?.joined) ?? 0) >= Self.buyers / 2 }
            #expect(joined)
            // A sale without orders has no backlog, so SQLite has to be asked whether it is stored.
            let stored = eventually { ((try? StoreReader(path: system.database).stored(sale)) ?? nil) != nil }
            #expect(stored)
            try system.redis.connect().command(["FLUSHALL"])
            system.redis.crash()
            try system.redis.restart()
        }
        try expectServed(system, sale, run)
        let status = try #require(try system.connect().status(sale))
        #expect(status.epoch == 2)
        let units = try #require(try fairness(system, run).json["units"] as? [String: Any])
        #expect((units["inversions"] as? [Any])?.isEmpty == true)
    }
}
