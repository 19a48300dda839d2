import RedisClient
import Shared
import TestSupport
import Testing

@testable import SaleCtl

@Suite(.serialized) struct `A planned failover` {
    private static let asking = "asking a Sentinel for a failover"
    /// Sentinels are asked in random order: nearly always one of the first two before the last.
    private static let lastNearlyAlways = Array(repeating: 0, count: 9) + Array(repeating: 1, count: 9) + [2]

    /// Runs `fault` once the primary has been stopped, before a Sentinel is asked.
    private func failOver(
        _ fleet: RedisFleet, asking order: [Int] = [0, 1, 2], _ fault: () -> Void
    ) throws {
        let endpoint = try RedisEndpoint(url: fleet.url)
        guard case .primary(let name, let sentinels) = endpoint.location else {
            preconditionFailure("a fleet has Sentinels")
        }
        let failover = PlannedFailover(name: name, sentinels: order.map { sentinels[$0] }, endpoint: endpoint)
        _ = try failover.run { if $0 == Self.asking { fault() } }
    }

    @Test func `asks the next Sentinel if one can't be reached`() throws {
        let fleet = try RedisFleet()
        try failOver(fleet, asking: Self.lastNearlyAlways) {
            fleet.crashSentinel(0)
            fleet.crashSentinel(1)
        }
        #expect(fleet.primary() !== fleet.servers[0])
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
        try fleet.servers[0].connect().command(["SET", "written", "1"])
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
