import Foundation
import RedisClient
import Shared
import Synchronization
import TestSupport
import Testing

@testable import SaleCtl

@Suite(.serialized) struct `A planned failover` {
    private static let asking = "asking a Sentinel for a failover"
    private static let tooFewCaughtUp = "waited 1500 ms for its replicas to catch up, without success"
    /// Sentinels are asked in random order: nearly always one of the first two before the last.
    private static let lastNearlyAlways = Array(repeating: 0, count: 9) + Array(repeating: 1, count: 9) + [2]

    /// Runs `fault` when this is reported: as a rule once the primary has been stopped, before a Sentinel is asked.
    private func failOver(
        _ fleet: RedisFleet, asking order: [Int] = [0, 1, 2], at moment: String = asking, _ fault: () -> Void
    ) throws {
        let endpoint = try RedisEndpoint(url: fleet.url)
        guard case .primary(let name, let sentinels) = endpoint.location else {
            preconditionFailure("a fleet has Sentinels")
        }
        let failover = PlannedFailover(name: name, sentinels: order.map { sentinels[$0] }, endpoint: endpoint)
        _ = try failover.run { if $0 == moment { fault() } }
    }

    @Test func `asks the next Sentinel if one can't be reached`() throws {
        let fleet = try RedisFleet()
        try failOver(fleet, asking: Self.lastNearlyAlways) {
            fleet.crashSentinel(0)
            fleet.crashSentinel(1)
        }
        #expect(fleet.primary() !== fleet.servers[0])
        #expect(try fleet.servers[0].connect().facts.role == "slave", "it follows the new primary")
    }

    @Test func `asks no second Sentinel if an answer is lost: that one may have begun`() throws {
        let fleet = try RedisFleet()
        let endpoint = try RedisEndpoint(url: fleet.url)
        guard case .primary(let name, let sentinels) = endpoint.location else {
            preconditionFailure("a fleet has Sentinels")
        }
        let requests = Mutex(0)
        let address = SocketAddress.tcp(host: "127.0.0.1", port: RedisServer.freePort())
        let relay = try Relay(address, to: sentinels[0]) { direction, piece in
            if direction == .toServer, Data(piece).range(of: Data("FAILOVER".utf8)) != nil {
                requests.withLock { $0 += 1 }
            }
            return direction == .toServer || String(decoding: piece, as: UTF8.self) != "+OK\r\n"
        }
        try withExtendedLifetime(relay) {
            _ = try PlannedFailover(name: name, sentinels: [address, address], endpoint: endpoint).run { _ in }
        }
        #expect(requests.withLock { $0 } == 1)
        #expect(fleet.primary() !== fleet.servers[0])
    }

    @Test func `does not begin unless all replicas follow that the Sentinels know`() throws {
        let fleet = try RedisFleet()
        fleet.servers[2].crash()
        let redis = try fleet.servers[0].connect()
        #expect(try eventually { try redis.replicas().count == 1 })
        #expect {
            try failOver(fleet) { Issue.record("a Sentinel is asked") }
        } throws: {
            ($0 as? CommandFailure)?.message.contains(" is not followed by just the 2 replicas ") == true
        }
        try redis.command(["SET", "written", "1"])
    }

    @Test func `does not begin if another replica follows in place of one that the Sentinels know`() throws {
        let fleet = try RedisFleet(downAfterMilliseconds: 600_000)
        let redis = try fleet.servers[0].connect()
        fleet.servers[2].crash()
        #expect(try eventually { try redis.replicas().count == 1 })
        let other = try fleet.servers[0].replica(RedisServer.followed())
        defer { withExtendedLifetime(other) {} }
        #expect {
            try failOver(fleet) { Issue.record("a Sentinel is asked") }
        } throws: {
            ($0 as? CommandFailure)?.message.contains(" is not followed by just the 2 replicas ") == true
        }
        try redis.command(["SET", "written", "1"])
    }

    @Test func `does not begin while a replica rewrites its append-only file: nothing would be sold from it`() throws {
        let fleet = try RedisFleet()
        try fleet.servers[0].connect().command(["MSET"] + (0..<60).flatMap { ["key\($0)", "1"] })
        let replica = try fleet.servers[2].connect()
        #expect(try eventually { try replica.command(["EXISTS", "key0"]).integer == 1 })
        // It takes a second for each key.
        try replica.command(["CONFIG", "SET", "rdb-key-save-delay", "1000000"])
        try replica.command(["BGREWRITEAOF"])
        #expect {
            try failOver(fleet) { Issue.record("a Sentinel is asked") }
        } throws: {
            ($0 as? CommandFailure)?.message.contains(" is rewriting its append-only file") == true
        }
        try fleet.servers[0].connect().command(["SET", "written", "1"])
    }

    @Test func `gives up before the delivered Sentinels think a stopped primary down, and replace it unasked`() throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../deploy/redis/sentinel.conf")
        let settings = try String(contentsOf: file, encoding: .utf8)
        let downAfter = settings.firstMatch(of: #/down-after-milliseconds sale (\d+)/#).flatMap { Int($0.output.1) }
        #expect(try PlannedFailover.catchUpMilliseconds < #require(downAfter))
    }

    @Test func `lets the primary write again if a replica does not catch up`() throws {
        let fleet = try RedisFleet(downAfterMilliseconds: 600_000)
        let redis = try fleet.servers[0].connect()
        fleet.servers[2].pause()
        try redis.command(["SET", "written", "while it stands still"])
        #expect {
            try failOver(fleet) { Issue.record("a Sentinel is asked") }
        } throws: {
            ($0 as? CommandFailure)?.message == Self.tooFewCaughtUp
        }
        try redis.command(["SET", "written", "1"])
        fleet.servers[2].resume()
    }

    @Test func `lets the primary write again if a replica is lost before it has caught up`() throws {
        let fleet = try RedisFleet(downAfterMilliseconds: 600_000)
        let redis = try fleet.servers[0].connect()
        #expect {
            try failOver(fleet, at: "stopping the writes of 127.0.0.1:\(fleet.servers[0].port)") {
                fleet.servers[2].crash()
                #expect(eventually { (try? redis.replicas().count) == 1 })
            }
        } throws: {
            ($0 as? CommandFailure)?.message == Self.tooFewCaughtUp
        }
        try redis.command(["SET", "written", "1"])
    }

    @Test func `goes on to the next Sentinel if one is in TILT`() throws {
        let fleet = try RedisFleet()
        #expect(fleet.tiltSentinels(0...1))
        // On a machine that really stood still, it is, too.
        #expect(eventually { fleet.isInTilt(2) == false })
        try failOver(fleet, asking: Self.lastNearlyAlways) {}
        #expect(fleet.primary() !== fleet.servers[0])
    }

    @Test func `lets the primary write again if no Sentinel acts at once`() throws {
        let fleet = try RedisFleet()
        #expect(fleet.tiltSentinels(0...2))
        #expect {
            try failOver(fleet) {}
        } throws: {
            ($0 as? CommandFailure)?.message.contains(" is in TILT ") == true
        }
        try fleet.servers[0].connect().command(["SET", "written", "1"])
    }

    @Test func `lets the primary write again if no Sentinel can be reached`() throws {
        let fleet = try RedisFleet()
        #expect(throws: CommandFailure.self) {
            try failOver(fleet) { for index in 0..<3 { fleet.crashSentinel(index) } }
        }
        let redis = try fleet.servers[0].connect()
        try redis.command(["SET", "written", "1"])
        #expect(try redis.command(["EXISTS", "sale:failover"]).integer == 0, "the next one may begin")
    }

    @Test func `is the only one`() throws {
        let fleet = try RedisFleet()
        var second: (any Error)?
        try failOver(fleet) {
            do { try failOver(fleet) {} } catch { second = error }
        }
        #expect((second as? CommandFailure)?.message == "another failover is under way: wait until it is over")
        #expect((second as? CommandFailure)?.code == ExitCode.temporaryFailure)
        let primary = fleet.primary()
        #expect(primary !== fleet.servers[0])
        #expect(try primary?.connect().command(["EXISTS", "sale:failover"]).integer == 0, "the next one may begin")
    }

    @Test func `is refused by a primary without memory, which no Sentinel could make a replica`() throws {
        let fleet = try RedisFleet(["--maxmemory", "1"])
        #expect {
            try failOver(fleet) {}
        } throws: {
            ($0 as? RedisError)?.code == .outOfMemory
        }
        #expect(fleet.primary() === fleet.servers[0])
    }

    @Test func `lets the primary write again if no replica can be promoted`() throws {
        let fleet = try RedisFleet(["--replica-priority", "0"])
        #expect(try eventually { try fleet.sentinelsSay("slave-priority", "0") })
        #expect {
            try failOver(fleet) {}
        } throws: {
            ($0 as? CommandFailure)?.message.contains("NOGOODSLAVE") == true
        }
        try fleet.servers[0].connect().command(["SET", "written", "1"])
    }
}
