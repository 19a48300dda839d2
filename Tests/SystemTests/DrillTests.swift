import Checker
import Foundation
import OrderStore
import RedisClient
import Shared
import TestSupport
import Testing

/// The drill of docs/operations.md: machines are lost with their disks, and only the last backup is left.
@Suite(.serialized) struct `The drill` {
    private static let stock = 300
    private static let buyers = 500
    /// Sells about fifty units a second; buyers keep pressing while nothing can be sold.
    private static let steadily = [
        "--buyers", "\(buyers)", "--over", "10s", "--connections", "32", "--retry-share", "0",
    ]

    enum Recovery: String, CaseIterable, CustomTestStringConvertible {
        case byTheWorker = "the worker"
        case byHand = "salectl rebuild"

        var testDescription: String { rawValue }
    }

    private func begin() throws -> (SaleSystem, SaleID, backup: String) {
        let system = try SaleSystem(apis: 2)
        let sale = try TestSale.create(system.connect(), stock: Self.stock)
        try system.startWorker()
        try system.awaitRest(sale)
        return (system, sale, system.directory.path("backup.db"))
    }

    /// Sells, backs up in the middle, and sells on. Returns the last position in the backup.
    private func backUp(_ system: SaleSystem, _ sale: SaleID, to file: String) throws -> Int {
        try awaitPosition(30, system, sale)
        let made = try system.salectl(["backup", file])
        #expect(made.code == 0, "\(made.errors)")
        let saved = try #require(try StoreReader(path: file).persistedPosition(of: sale))
        #expect(saved > 20)
        try awaitPosition(saved + 40, system, sale)
        return saved
    }

    private func awaitPosition(_ position: Int, _ system: SaleSystem, _ sale: SaleID) throws {
        let reached = try eventually { try system.connect().status(sale)?.persistedPosition ?? 0 >= position }
        #expect(reached, "position \(position) was never stored")
    }

    private func loseDatabase(_ system: SaleSystem) {
        system.worker?.stop(SIGKILL)
        removeDatabase(system.database)
        unlink(system.database + ".lock")
    }

    private func told(_ run: SaleSystem.Run) throws -> [Attempt] {
        let log = try Data(contentsOf: URL(fileURLWithPath: run.log))
        return try RunLog(Array(log).span).attempts.filter(\.won)
    }

    @Test(arguments: Recovery.allCases)
    func `lists what is lost with both machines, and sells nothing twice`(_ recovery: Recovery) throws {
        let (system, sale, file) = try begin()
        var saved = 0
        let run = try system.stampede(sale, Self.steadily) {
            saved = try backUp(system, sale, to: file)
            system.redis.crash()
            try FileManager.default.removeItem(atPath: system.directory.path("appendonlydir"))
            loseDatabase(system)

            let restored = try system.salectl(["restore", file])
            #expect(restored.code == 0, "\(restored.errors)")
            #expect(restored.errors.contains("Redis can't be asked"))
            try system.redis.restart()
            if recovery == .byHand {
                let witnesses = RedisArgument(SaleKeys(sale).witnesses)
                #expect(
                    try eventually { try system.connect().command(["HLEN", witnesses]).integer == system.apis.count })
                let rebuilt = try system.salectl(["rebuild", "\(sale)"])
                #expect(rebuilt.code == 0, "\(rebuilt.output)\(rebuilt.errors)")
            }
            try system.startWorker()
        }
        try system.awaitRest(sale)
        #expect(system.drained(sale))

        // Every order that a buyer was confirmed and the backup lacks is reported by position, and nothing else is
        // missing.
        let stored = try #require(try StoreReader(path: system.database).stored(sale))
        let loss = try #require(stored.losses.first)
        #expect(stored.losses.count == 1)
        #expect(loss.positions.lowerBound == saved + 1)
        let told = try told(run)
        let orders = Dictionary(uniqueKeysWithValues: stored.orders.map { ($0.id.position, $0) })
        for win in told {
            let position = try #require(win.position)
            let isStored = orders[position]?.buyer == win.buyer && orders[position]?.key == win.key
            #expect(isStored != loss.positions.contains(position), "position \(position)")
        }
        #expect(told.contains { $0.position == loss.positions.upperBound })

        // Nothing is sold twice, and everything is sold except the withheld units.
        #expect(Set(told.compactMap(\.position)).count == Set(told.map(\.key)).count)
        #expect(Set(told.map(\.key)).count <= Self.stock)
        #expect(stored.sold + stored.withheld == Self.stock)
        let verdict = try system.check(sale, run, stock: Self.stock)
        #expect(verdict.broken == ["confirmed_is_stored"], "\(verdict.summary)")

        let line = "positions \(saved + 1) to \(loss.positions.upperBound), \(loss.units) units withheld"
        #expect(try system.salectl(["show", "\(sale)"]).output.contains(line))
        let compared = try system.salectl(["reconcile", "\(sale)"])
        #expect(compared.code == 0, "\(compared.output)")
        #expect(try system.salectl(["release", "\(sale)"]).output == "released \(loss.units)\n")
        #expect(try system.connect().status(sale)?.remaining == loss.units)
    }

    @Test func `loses nothing with the worker's machine alone`() throws {
        let (system, sale, file) = try begin()
        let run = try system.stampede(sale, Self.steadily) {
            let saved = try backUp(system, sale, to: file)
            loseDatabase(system)
            let restored = try system.salectl(["restore", file])
            #expect(restored.code == 0, "\(restored.errors)")
            #expect(restored.output.contains("positions from Redis"), "\(saved): \(restored.output)")
            try system.startWorker()
        }
        try system.awaitRest(sale)
        #expect(system.drained(sale))
        #expect(run.report["errors"] == 0)
        #expect(run.report["secured"] == Double(Self.stock))
        #expect(try system.complaint(sale, run, stock: Self.stock) == nil)
        #expect(try system.salectl(["reconcile", "\(sale)"]).code == 0)
    }

    @Test(.enabled(if: getuid() == 0, "giving files away needs root"))
    func `gives the worker the files in its folder, and nothing that links there lead to`() throws {
        let operations = try String(
            contentsOf: Ingress.repository.appendingPathComponent("docs/operations.md"), encoding: .utf8)
        let commands = operations.matches(of: /chown .*sale\.db\*/).map { String($0.output) }
        #expect(commands.count == 2)
        for command in commands {
            let folder = try TemporaryDirectory()
            for name in ["sale.db", "another"] { try Data().write(to: folder.url.appendingPathComponent(name)) }
            #expect(symlink(folder.path("another"), folder.path("sale.db-wal")) == 0)
            let given = command.replacing("sale-worker:", with: "1:1").replacing("/var/lib/sale", with: folder.url.path)
            #expect(try ChildProcess.run(URL(fileURLWithPath: "/bin/sh"), ["-c", given]).code == 0)
            func owner(_ name: String) throws -> Int? {
                try FileManager.default.attributesOfItem(atPath: folder.path(name))[.ownerAccountID] as? Int
            }
            #expect(try owner("sale.db") == 1)
            #expect(try owner("another") == 0)
        }
    }
}
