import Foundation
import Shared
import Synchronization
import TestSupport
import Testing

@testable import RedisClient

@Suite struct `What Sentinels say about the primary` {
    private let old = SocketAddress("10.0.0.1:6379")!
    private let new = SocketAddress("10.0.0.2:6379")!

    @Test func `is what all of them say, if they agree`() throws {
        let opinion = SentinelOpinion(primary: old, epoch: 3, isReplacing: false)
        #expect(try SentinelOpinion.primary([opinion, opinion, opinion]) == old)
    }

    @Test func `is what the Sentinel with the latest news says, however many others have not heard it`() throws {
        let before = SentinelOpinion(primary: old, epoch: 3, isReplacing: false)
        let after = SentinelOpinion(primary: new, epoch: 4, isReplacing: false)
        #expect(try SentinelOpinion.primary([before, before, after]) == new)
    }

    @Test func `is nothing while a single Sentinel is about to promote another server`() {
        let opinion = SentinelOpinion(primary: old, epoch: 3, isReplacing: false)
        let leader = SentinelOpinion(primary: old, epoch: 3, isReplacing: true)
        #expect(complaint([opinion, leader, opinion]) == "SENTINEL: 10.0.0.1:6379 is being replaced")
    }

    @Test func `is nothing while a Sentinel that has lost all epochs is about to promote another server`() {
        let opinion = SentinelOpinion(primary: old, epoch: 3, isReplacing: false)
        let leader = SentinelOpinion(primary: old, epoch: 0, isReplacing: true)
        #expect(complaint([opinion, leader, opinion]) == "SENTINEL: 10.0.0.1:6379 is being replaced")
    }

    @Test func `is not disturbed by a Sentinel that is cut off with the old primary, and would replace it`() throws {
        let alone = SentinelOpinion(primary: old, epoch: 3, isReplacing: true)
        let opinion = SentinelOpinion(primary: new, epoch: 4, isReplacing: false)
        #expect(try SentinelOpinion.primary([alone, opinion, opinion]) == new)
    }

    @Test func `is nothing if two are named and neither is later, as after an edit by hand`() {
        let one = SentinelOpinion(primary: old, epoch: 0, isReplacing: false)
        let other = SentinelOpinion(primary: new, epoch: 0, isReplacing: false)
        #expect(complaint([one, other]) == "SENTINEL: 10.0.0.1:6379 and 10.0.0.2:6379 are named, and neither is later")
    }

    private func complaint(_ opinions: [SentinelOpinion]) -> String? {
        do throws(RedisError) {
            _ = try SentinelOpinion.primary(opinions)
            return nil
        } catch {
            #expect(error.code == .replaced)
            return error.description
        }
    }

    @Test func `is a replacement under way until the promoted one is named`() throws {
        let facts = [
            "name": "sale", "ip": "10.0.0.1", "port": "6379", "flags": "s_down,o_down,master,failover_in_progress",
            "config-epoch": "3",
        ]
        #expect(
            try SentinelOpinion(facts, naming: old) == SentinelOpinion(primary: old, epoch: 3, isReplacing: true))
        #expect(
            try SentinelOpinion(facts, naming: new) == SentinelOpinion(primary: new, epoch: 3, isReplacing: false))
        // The failover has ended between the two questions.
        let after = ["ip": "10.0.0.2", "port": "6379", "flags": "master", "config-epoch": "4"]
        #expect(
            try SentinelOpinion(after, naming: old) == SentinelOpinion(primary: new, epoch: 4, isReplacing: false))
        #expect(throws: RedisError.self) { try SentinelOpinion(["flags": "master"], naming: self.old) }
    }

    @Test func `is announced on two channels, and news of another primary is ignored`() {
        typealias News = SentinelWatch.News
        #expect(News("+switch-master", "sale 10.0.0.1 6379 10.0.0.2 6379", name: "sale") == .promoted(new))
        #expect(News("+failover-state-select-slave", "master sale 10.0.0.1 6379", name: "sale") == .replacing(old))
        #expect(News("+switch-master", "shop 10.0.0.1 6379 10.0.0.2 6379", name: "sale") == nil)
        #expect(News("+failover-state-select-slave", "master shop 10.0.0.1 6379", name: "sale") == nil)
        #expect(News("+failover-state-select-slave", "sale", name: "sale") == nil)
    }
}

@Suite struct `The blocking client with Sentinels` {
    /// Why there is no connection; nil if there is one.
    private func refusal(_ body: () throws -> Void) -> RedisError? {
        do {
            try body()
            return nil
        } catch {
            return error as? RedisError
        }
    }

    @Test func `says how long it has waited for a Sentinel that is silent`() throws {
        let silent = try RedisServer(RedisServer.followed())
        let address = SocketAddress.tcp(host: "127.0.0.1", port: UInt16(silent.port) ?? 0)
        silent.pause()
        defer { silent.resume() }
        let refusal = refusal { _ = try BlockingRedis.opinion(of: address, on: "mymaster") }
        #expect(refusal?.message == "no answer within 300 ms")
    }

    @Test func `learns that its server is replaced, however rarely it looks, and does not reconnect to it`() throws {
        // Only a question makes a Sentinel act here.
        let fleet = try RedisFleet(downAfterMilliseconds: 600_000)
        let redis = try fleet.connect()
        try fleet.refusePromotion(true)
        let isRefused = eventually {
            try? fleet.failOver()
            return refusal { _ = try fleet.connect() }?.message == "\(redis.address) is being replaced"
        }
        #expect(isRefused)
        try fleet.refusePromotion(false)
        var new: SocketAddress?
        let isReplaced = eventually {
            new = try? fleet.connect().address
            // The Sentinel has given up.
            if new == redis.address { try? fleet.failOver() }
            return new != nil && new != redis.address
        }
        #expect(isReplaced)
        var verdict: RedisError?
        #expect(
            eventually {
                // Farther apart than a Sentinel's time to answer, so each look must get its answer by itself.
                usleep(1_100_000)
                verdict = refusal(redis.checkPrimary)
                return verdict != nil
            })
        #expect(verdict?.code == .replaced)
        #expect(verdict?.message == "\(new!) is the primary now, and not \(redis.address)")
    }

    @Test func `leaves its server while a Sentinel is about to promote another`() throws {
        // Only a question makes a Sentinel act here.
        let fleet = try RedisFleet(downAfterMilliseconds: 600_000)
        let redis = try fleet.connect()
        try fleet.refusePromotion(true)
        var verdict: RedisError?
        #expect(
            eventually {
                // Refused as long as the last one is under way.
                try? fleet.failOver()
                verdict = refusal(redis.checkPrimary)
                return verdict != nil
            })
        #expect(verdict?.description == "SENTINEL: \(redis.address) is being replaced")
    }

    @Test func `does not use a server that the Sentinels name and that follows another`() throws {
        let fleet = try RedisFleet(downAfterMilliseconds: 600_000)
        try fleet.servers[0].connect().command(["REPLICAOF", "127.0.0.1", "\(fleet.servers[1].port)"])
        let refusal = refusal { _ = try fleet.connect() }
        #expect(refusal?.code == .readOnly)
        #expect(refusal?.message == "127.0.0.1:\(fleet.servers[0].port) is no primary any more")
    }

    @Test func `asks one Sentinel after the other`() throws {
        let server = try RedisServer(RedisServer.followed())
        let live = SocketAddress.tcp(host: "127.0.0.1", port: UInt16(server.port) ?? 0)
        // They are asked in random order: nearly always one of the dead before it.
        let dead = (0..<9).map { _ in SocketAddress.tcp(host: "127.0.0.1", port: RedisServer.freePort()) }
        #expect(try BlockingRedis.askSentinels(dead + [live], ["PING"]) { $0.string } == "PONG")
    }

    @Test func `does not use a server that answers while it is being replaced`() throws {
        // Only a question makes a Sentinel act here.
        let fleet = try RedisFleet(downAfterMilliseconds: 600_000)
        fleet.servers[0].pause()
        let others = try connections(to: fleet.servers[0].port)
        let outcome = Mutex<RedisError?>(nil)
        let ended = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            let error = self.refusal { _ = try fleet.connect() }
            outcome.withLock { $0 = error }
            ended.signal()
        }
        #expect(try eventually { try connections(to: fleet.servers[0].port) > others })
        try fleet.failOver()
        fleet.servers[0].resume()
        ended.wait()
        let error = outcome.withLock { $0 }
        #expect(error?.code == .replaced, "\(String(describing: error))")
    }

    @Test func `finds the primary as long as one of them answers, and says why if none does`() throws {
        let fleet = try RedisFleet(downAfterMilliseconds: 600_000)
        let redis = try fleet.connect()
        guard case .primary(let name, let sentinels) = try RedisEndpoint(url: fleet.url).location else {
            preconditionFailure("a fleet has Sentinels")
        }
        fleet.crashSentinel(0)
        fleet.pauseSentinel(1)
        #expect(try PrimaryFinder(name: name, sentinels: sentinels).find() == redis.address)
        fleet.pauseSentinel(2)
        let finder = try PrimaryFinder(name: name, sentinels: sentinels)
        let silence = refusal { _ = try finder.find() }
        #expect(silence?.description == "SENTINEL: \(sentinels[2]): no answer")
        // Silent Sentinels don't make us leave a server that answers.
        usleep(1_100_000)
        #expect(try finder.look() == nil)
        usleep(400_000)
        #expect(try finder.look() == nil)
        fleet.resumeSentinel(1)
        fleet.resumeSentinel(2)
        let other = refusal { _ = try PrimaryFinder(name: "shop", sentinels: [sentinels[2]]).find() }
        #expect(other?.message == "\(sentinels[2]): it watches no primary named shop")
    }
}
