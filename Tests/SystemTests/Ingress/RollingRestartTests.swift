import Checker
import Foundation
import RedisClient
import Shared
import TestSupport
import Testing

@Suite struct `A rolling restart` {
    private static let stock = 4000
    private static let buyers = 6000

    /// A pool of two as systemd runs it, behind a real nginx, under load. One process after the other is told to stop
    /// and started again once it has.
    @Test func `of the pool behind nginx fails no request and loses no order`() throws {
        let system = try SaleSystem(apis: 0)
        let sale = try TestSale.create(system.connect(), stock: Self.stock)
        try system.startWorker()
        let units = try (0..<2).map { try Unit(system, "unit-\($0)") }
        let ingress = try system.ingress(
            pool: units.map { "unix:\($0.socket)" }, ["sale-limits.conf": Ingress.unlimited])
        try ingress.start()
        let run = try system.stampede(
            sale, ["--buyers", "\(Self.buyers)", "--over", "14s", "--connections", "32", "--retry-share", "0.1"],
            through: ingress.target
        ) {
            for unit in units {
                #expect(eventually { unit.lives.last.map { $0 > 50 } == true }, "it sells nothing")
                try unit.restart()
            }
        }
        #expect(run.report["secured"] == Double(Self.stock))
        #expect(run.report["errors"] == 0)
        let log = try Data(contentsOf: URL(fileURLWithPath: run.log))
        let statuses = try Dictionary(
            RunLog(Array(log).span).attempts.map { ($0.status, 1) }, uniquingKeysWith: +)
        #expect(Set(statuses.keys) == [200, 201, 409], "\(statuses)")
        // Both were restarted while buyers pressed, and both took requests before and after.
        for unit in units { #expect(unit.lives.allSatisfy { $0 > 0 } && unit.lives.count == 2, "\(unit.lives)") }
        #expect(system.drained(sale))
        #expect(try system.complaint(sale, run, stock: Self.stock, met: "replayed") == nil)
    }

    /// `sale-api@.service` with its socket.
    private final class Unit {
        let socket: String
        private let process: ChildProcess

        init(_ system: SaleSystem, _ name: String) throws {
            socket = system.directory.path("\(name).sock")
            process = try ChildProcess(
                URL(fileURLWithPath: "/usr/bin/python3"),
                [
                    Ingress.repository.appendingPathComponent("Tests/systemd/socket_unit.py").path, socket,
                    ChildProcess.product("sale-api").path,
                ], environment: system.settings(ofServer: "api"),
                errorLog: system.directory.url.appendingPathComponent("\(name).log"))
            try awaitStart(1)
        }

        func restart() throws {
            process.signal(SIGHUP)
            try awaitStart(2)
            #expect(process.errors.contains("ended 1 0\n"))
        }

        private func awaitStart(_ number: Int) throws {
            let started = eventually { process.errors.contains("started \(number)\n") || !process.isRunning }
            guard started, process.isRunning else { throw SaleSystem.Failure("no start: \(process.errors)") }
        }

        /// The number of orders that each process has confirmed to buyers.
        var lives: [Int] {
            process.errors.components(separatedBy: "\"event\":\"start\"").dropFirst()
                .map { $0.components(separatedBy: "\"win\"").count - 1 }
        }
    }
}
