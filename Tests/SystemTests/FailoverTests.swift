import Foundation
import RedisClient
import Shared
import TestSupport
import Testing

@Suite(.serialized) struct `A sale on a primary, two replicas and three Sentinels` {
    private static let stock = 500
    private static let buyers = 6000

    /// Runs a stampede of six seconds, and `fault` while units are being sold. Users and Sentinels are as delivered.
    private func stampede(_ fault: (RedisFleet, SaleSystem) throws -> Void) throws {
        let fleet = try RedisFleet.delivered()
        let system = try SaleSystem(apis: 0, fleet: fleet)
        try system.logInAll()
        for index in 0..<2 { try system.startAPI(index) }
        try system.startWorker()
        let sale = try TestSale.create(system.connect(), stock: Self.stock)
        let first = try #require(fleet.primary())
        let run = try system.stampede(sale, ["--buyers", "\(Self.buyers)", "--over", "6s"]) {
            try system.awaitSold(sale, moreThan: 20)
            try fault(fleet, system)
        }
        let now = try #require(fleet.primary())
        #expect(now !== first, "no failover took place: the run proves nothing")
        #expect(run.report["secured"] == Double(Self.stock))
        #expect(run.report["errors"] == 0)
        #expect(system.drained(sale))
        #expect(try system.complaint(sale, run, stock: Self.stock, met: "unavailable") == nil)
    }

    @Test func `loses nothing when the primary is killed and left dead`() throws {
        try stampede { fleet, _ in fleet.servers[0].crash() }
    }

    /// The other replica follows the old primary for about another second, and acknowledges its writes.
    @Test func `loses nothing when the primary freezes, and wakes up once another is promoted`() throws {
        try stampede { fleet, _ in
            fleet.servers[0].pause()
            #expect(eventually { fleet.servers[1...].contains { Self.role($0) == "master" } })
            fleet.servers[0].resume()
        }
    }

    private static func role(_ server: RedisServer) -> String? { try? server.connect().facts.role }

    /// The runbook's command that changes the primary in a Sentinel's file.
    private static func editOfSentinel() throws -> String {
        let runbook = try String(
            contentsOf: Ingress.repository.appendingPathComponent("docs/runbook.md"), encoding: .utf8)
        let command = try #require(runbook.firstMatch(of: #/sed -i -E -e '/\^sentinel [^`]+?sentinel\.conf\n/#))
        return String(command.output)
    }

    @Test func `loses nothing in a manual failover as in the runbook`() throws {
        let edit = try Self.editOfSentinel()
        try stampede { fleet, _ in
            fleet.stopSentinels()
            fleet.servers[0].crash()
            let replicas = Array(fleet.servers[1...])
            func offset(_ server: RedisServer) throws -> Int {
                let facts = try server.connect().command(["INFO", "replication"])
                return facts.string?.firstMatch(of: #/slave_repl_offset:(\d+)/#).flatMap { Int($0.output.1) } ?? 0
            }
            let new = try #require(try replicas.max { try offset($0) < offset($1) })
            for server in replicas {
                let follows: [RedisArgument] = server === new ? ["NO", "ONE"] : ["127.0.0.1", "\(new.port)"]
                try server.connect().command(["SLAVEOF"] + follows)
            }
            try fleet.startSentinels { file in
                let command =
                    edit
                    .replacingOccurrences(of: "NEW-PRIMARY 6379", with: "127.0.0.1 \(new.port)")
                    .replacingOccurrences(of: "/etc/redis/sentinel.conf", with: file)
                let done = try ChildProcess.run(URL(fileURLWithPath: "/bin/bash"), ["-c", command])
                #expect(done.code == 0, "\(done.errors)")
            }
            #expect(eventually { fleet.primary() === new })
        }
    }

    @Test func `loses nothing in a forced failover while the old primary goes on`() throws {
        try stampede { fleet, _ in
            try fleet.failOver()
            #expect(eventually { Self.role(fleet.servers[0]) == "slave" })
        }
    }

    @Test func `loses nothing in a planned failover`() throws {
        try stampede { _, system in
            let result = try system.salectl(["failover"])
            #expect(result.code == 0, "\(result.errors)")
        }
    }
}
