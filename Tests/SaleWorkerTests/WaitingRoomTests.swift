import Glibc
import OrderStore
import RedisClient
import Shared
import TestSupport
import Testing

@Suite struct `A waiting room in SQLite` {
    private static let sale = SaleID("demo")!

    private func stored(_ under: WorkerUnderTest) throws -> WaitingRoom? {
        try under.stored(Self.sale)?.record.settings.waitingRoom
    }

    /// A stored sale with three buyers in its waiting room, whose Redis was restarted after `changing`.
    private func restarted(_ changing: (BlockingRedis, SaleKeys) throws -> Void) throws -> WorkerUnderTest {
        let under = try WorkerUnderTest()
        try TestSale.create(under.redis, admission: .init(rate: 50, turnWindowMilliseconds: 5000))
        _ = try under.redis.admit(Self.sale, .rate(1000))
        _ = try TestSale.join(under.redis, Self.sale, ["a", "b", "c"])
        let worker = try under.start()
        #expect(under.drained(Self.sale))
        worker.stop(SIGKILL)
        try changing(under.redis, SaleKeys(Self.sale))
        under.server.crash()
        try under.server.restart()
        let next = try under.start()
        #expect(eventually { next.errors.contains("fence_lifted") }, "\(next.errors)")
        return under
    }

    @Test func `follows every change`() throws {
        let under = try WorkerUnderTest()
        try TestSale.create(under.redis, admission: .init(rate: 50, turnWindowMilliseconds: 5000))
        try under.start()
        #expect(under.drained(Self.sale))
        #expect(try stored(under)?.schedule.last.rate == 50)
        _ = try under.redis.admit(Self.sale, .pause)
        #expect(under.drained(Self.sale))
        #expect(try stored(under) == (try under.redis.queue(Self.sale)?.room))
        _ = try under.redis.control(Self.sale, .pause)
        #expect(under.drained(Self.sale))
        #expect(try stored(under) == (try under.redis.queue(Self.sale)?.room))
    }

    @Test func `comes back to a Redis that was emptied, where everybody joins again under a new epoch`() throws {
        let under = try restarted { redis, _ in try redis.command(["FLUSHALL"]) }
        let redis = try under.server.connect()
        let queue = try #require(try redis.queue(Self.sale))
        #expect(queue.room == (try stored(under)))
        #expect(queue.epoch == 2)
        #expect(queue.joined == 0)
        // The schedule has gone on meanwhile, so a buyer who joins now is behind it.
        let joined = try TestSale.join(redis, Self.sale, ["c"])
        #expect(joined.epoch == 2)
        #expect(joined.positions[0] > 3)
        let reply = try TestSale.purchase(redis, Self.sale, [.init(buyer: "a", key: "k", ticket: "1 1 \(queue.uuid)")])
        #expect(reply.codes + reply.details.joined() == "Xoutdated")
    }

    @Test func `keeps positions that have survived`() throws {
        let under = try restarted { redis, keys in try redis.command(["DEL", "\(keys.stock)"]) }
        let redis = try under.server.connect()
        let queue = try #require(try redis.queue(Self.sale))
        #expect(queue.epoch == 2)
        #expect(queue.joined == 3)
    }

    @Test func `forgets positions whose counter is lost`() throws {
        let under = try restarted { redis, keys in
            try redis.command(["DEL", "\(keys.stock)", "\(keys.joined)"])
        }
        let queue = try #require(try under.server.connect().queue(Self.sale))
        #expect(queue.joined == 0)
        #expect(queue.lastPosition == 0)
    }

    @Test func `gets its last position back from its tickets if somebody deletes it`() throws {
        let under = try WorkerUnderTest()
        // An hour from now: the positions are counted alone, and no turn begins.
        let opening = UnixMilliseconds(UnixMilliseconds.now.value + 3_600_000)
        try TestSale.create(under.redis, opensAt: opening, admission: .init(rate: 50, turnWindowMilliseconds: 5000))
        let worker = try under.start()
        #expect(under.drained(Self.sale))
        #expect(try TestSale.join(under.redis, Self.sale, ["a", "b", "c"]).positions == [1, 2, 3])
        try under.redis.command(["DEL", "\(SaleKeys(Self.sale).joined)"])
        #expect(eventually { worker.errors.contains("waiting_room_restored") })
        #expect(try TestSale.join(under.redis, Self.sale, ["d", "a"]).positions == [4, 1])
    }

    @Test func `starts windows again when a fence is lifted`() throws {
        let under = try restarted { _, _ in }
        let queue = try #require(try under.server.connect().queue(Self.sale))
        #expect(queue.turnsSince.value > queue.readAt.value - 60_000)
        #expect(queue.epoch == 1)
    }
}
