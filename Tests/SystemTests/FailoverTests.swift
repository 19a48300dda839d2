import Foundation
import RedisClient
import Shared
import TestSupport
import Testing

@Suite(.serialized) struct `A sale on a primary, two replicas and three Sentinels` {
    private static let stock = 500
    private static let buyers = 6000

    /// Runs a stampede of six seconds, and `fault` in the middle of the selling.
    private func stampede(_ fault: (RedisFleet, SaleSystem) throws -> Void) throws {
        let fleet = try RedisFleet()
        let system = try SaleSystem(apis: 2, fleet: fleet)
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
        #expect(try system.complaint(sale, run, met: "unavailable") == nil)
    }

    @Test func `loses nothing when the primary is killed and left dead`() throws {
        try stampede { fleet, _ in fleet.servers[0].crash() }
    }

    @Test func `loses nothing when the primary stands still, is replaced, and wakes up again`() throws {
        try stampede { fleet, _ in
            fleet.servers[0].pause()
            // And the other replica follows the new one: until then it confirms what the old one does (docs/operations.md).
            let replaced = eventually {
                guard let now = fleet.primary(), now !== fleet.servers[0] else { return false }
                return fleet.servers[1...].allSatisfy { $0 === now || Self.follows($0, now) }
            }
            #expect(replaced)
            fleet.servers[0].resume()
        }
    }

    private static func follows(_ replica: RedisServer, _ primary: RedisServer) -> Bool {
        guard let facts = try? replica.connect().command(["INFO", "replication"]) else { return false }
        let value = facts.value
        let text = value.string ?? ""
        return text.contains("master_port:\(primary.port)\r\n") && text.contains("master_link_status:up\r\n")
    }

    /// The runbook's command that gives a Sentinel's file another primary.
    private static func editOfSentinel() throws -> String {
        let runbook = try String(
            contentsOf: Ingress.repository.appendingPathComponent("docs/runbook.md"), encoding: .utf8)
        let command = try #require(runbook.firstMatch(of: #/sed -i -E -e '/\^sentinel [^`]+?sentinel\.conf\n/#))
        return String(command.output)
    }

    @Test func `loses nothing when it fails over by hand, as the runbook has it`() throws {
        let edit = try Self.editOfSentinel()
        try stampede { fleet, _ in
            fleet.stopSentinels()
            fleet.servers[0].crash()
            let replicas = Array(fleet.servers[1...])
            func offset(_ server: RedisServer) throws -> Int {
                let facts = try server.connect().command(["INFO", "replication"])
                let value = facts.value
                return value.string?.firstMatch(of: #/slave_repl_offset:(\d+)/#).flatMap { Int($0.output.1) } ?? 0
            }
            let new = try #require(try replicas.max { try offset($0) < offset($1) })
            for server in replicas {
                let follows = server === new ? ["NO", "ONE"] : ["127.0.0.1", RedisArgument("\(new.port)")]
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

    @Test func `loses nothing in a planned failover`() throws {
        try stampede { _, system in
            let result = try system.salectl(["failover"])
            #expect(result.code == 0, "\(result.errors)")
        }
    }
}
