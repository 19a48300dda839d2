import EventLoop
import RedisClient
import Shared
import TestSupport
import Testing

@testable import SaleAPI

/// The memory of one process beside a real Redis. The test runs its loop pass by pass, and moves its clock.
private final class Memory {
    let server: RedisServer
    let direct: BlockingRedis
    private(set) var cache: EdgeCache!
    private var loop: EventLoop!
    private(set) var redis: AsyncRedis!
    private var now = Instant.now
    private let seenSales = SeenSales()

    init() throws {
        server = try RedisServer(["--appendfsync", "no"])
        direct = try server.connect()
        loop = try EventLoop(clock: { [unowned self] in now })
        redis = AsyncRedis(
            try RedisEndpoint(url: server.url), loop: loop, name: "memory", refusal: { _ in nil },
            changed: { [unowned self] in if case .ready = $0 { cache.redisBecameReady() } })
        let environment = Environment(["SALE_REDIS_URL": server.url, "SALE_JWT_JWKS_FILE": "unused"])
        let context = APIContext(
            configuration: try APIConfiguration(environment), loop: loop, redis: redis, seenSales: seenSales,
            log: Log(program: "memory", level: .error))
        cache = EdgeCache(context, witnesses: Witnesses(loop: loop, redis: redis, seenSales: seenSales))
        redis.connect()
        #expect(try run { redis.isReady })
    }

    var isReady: Bool { redis.isReady }

    /// Makes a sale of `winners` units with as many winners, b1 with k1 and so on.
    @discardableResult
    func sell(_ name: String = "demo", winners: Int = 3, closesAt: UnixMilliseconds? = nil) throws -> SaleID {
        let sale = try TestSale.create(direct, name, stock: winners, closesAt: closesAt)
        seenSales.insert(sale)
        for first in stride(from: 1, through: winners, by: 1000) {
            let batch = (first...min(first + 999, winners)).map { TestSale.Purchase(buyer: "b\($0)", key: "k\($0)") }
            #expect(try TestSale.purchase(direct, sale, batch).left == winners - batch.count - first + 1)
        }
        return sale
    }

    /// Makes a sale as `sell` does, and has it held.
    @discardableResult
    func hold(_ name: String = "demo", winners: Int = 3, closesAt: UnixMilliseconds? = nil) throws -> SaleID {
        let sale = try sell(name, winners: winners, closesAt: closesAt)
        let before = cache.count
        cache.decided(sale, position: 0, remaining: 0)
        #expect(try run { cache.count == before + 1 })
        return sale
    }

    /// Runs the loop until `condition` holds.
    func run(until condition: () throws -> Bool) throws -> Bool {
        try eventually {
            try loop.pass(waitMilliseconds: 10)
            return try condition()
        }
    }

    /// Runs the loop until Redis has answered all that it was asked.
    func settle() throws {
        var answered = false
        redis.send(["PING"], "PING") { _ in answered = true }
        #expect(try run { answered })
    }

    /// Moves the clock. A Redis that is there has its say twice a second, or it would seem to have fallen silent.
    func skip(milliseconds: Int) throws {
        var left = milliseconds
        while left > 0 {
            if redis.isReady { try settle() }
            let step = redis.isReady ? min(left, 500) : left
            now = now.advanced(milliseconds: step)
            left -= step
            try loop.pass(waitMilliseconds: 0)
        }
    }

    func decide(_ sale: SaleID, _ buyer: String, _ key: String, quantity: Int = 1) -> Decision? {
        buyer.withBytes { buyer in
            key.withBytes { cache.decide(sale, buyer, hash: buyer.buyerHash, $0, quantity: quantity) }
        }
    }

    func set(_ sale: SaleID, _ field: String, _ value: String) throws {
        try direct.command(["HSET", "\(SaleKeys(sale).sale)", "\(field)", "\(value)"])
    }
}

@Suite struct `The memory of sold-out sales` {
    @Test func `denies nobody a win of which a batch has just told, nor the units of a restock`() throws {
        let memory = try Memory()
        let sale = try memory.hold()
        memory.cache.decided(sale, position: 3, remaining: 0)
        #expect(memory.decide(sale, "loser", "k") == .soldOut)
        memory.cache.decided(sale, position: 4, remaining: 0)
        #expect(memory.decide(sale, "loser", "k") == nil)
        try memory.skip(milliseconds: 100)
        memory.cache.decided(sale, position: 0, remaining: 0)
        #expect(try memory.run { memory.cache.count == 1 })
        memory.cache.decided(sale, position: 0, remaining: 1)
        #expect(memory.decide(sale, "loser", "k") == nil)
    }

    @Test func `knows a sale that goes on while it is read from one whose winners can't be read`() throws {
        let memory = try Memory()
        for isRestocked in [true, false] {
            let sale = try memory.sell(isRestocked ? "restocked" : "damaged")
            let status = try #require(try memory.direct.status(sale))
            let soldOut = try #require(SoldOutSale.Version(status).flatMap { SoldOutSale($0) })
            if isRestocked { _ = try memory.direct.restock(sale, units: 1) }
            try memory.direct.command(["HSET", "\(SaleKeys(sale).buyers)", "b4", "k4 4 1 1700000000000 1"])
            var outcome: WinnerReader.Outcome?
            WinnerReader(sale, into: soldOut, redis: memory.redis) { outcome = $0 }.start()
            #expect(try memory.run { outcome != nil })
            switch outcome {
            case .interrupted: #expect(isRestocked)
            case .refused: #expect(!isRestocked)
            default: Issue.record("it was read")
            }
        }
    }

    @Test func `tells nobody who may have won that nothing is left, until Redis has been asked again`() throws {
        let memory = try Memory()
        let sale = try memory.hold()
        try memory.skip(milliseconds: 100)
        memory.cache.doubt(sale, ["doubtful", "b1"].map { $0.withBytes { $0.buyerHash } })
        #expect(memory.decide(sale, "doubtful", "k") == nil)
        #expect(memory.decide(sale, "loser", "k") == .soldOut)
        guard case .replayed? = memory.decide(sale, "b1", "k1") else { return #expect(Bool(false), "denied") }
        // These have made it ask, but not after the purchase.
        try memory.settle()
        #expect(memory.decide(sale, "doubtful", "k") == nil)
        try memory.skip(milliseconds: 100)
        _ = memory.decide(sale, "loser", "k")
        try memory.settle()
        #expect(memory.decide(sale, "doubtful", "k") == .soldOut)
    }

    @Test func `forgets a sale in which more may have won than it can count`() throws {
        let memory = try Memory()
        let sale = try memory.hold()
        memory.cache.doubt(sale, 1...16_384)
        #expect(memory.decide(sale, "loser", "k") == .soldOut)
        memory.cache.doubt(sale, 16_385...16_385)
        #expect(memory.decide(sale, "loser", "k") == nil)
    }

    @Test func `knows only winners once Redis has been gone for five minutes`() throws {
        let memory = try Memory()
        let sale = try memory.hold()
        memory.server.crash()
        #expect(try memory.run { !memory.isReady })
        try memory.skip(milliseconds: 300_000)
        #expect(memory.decide(sale, "loser", "k") == .soldOut)
        #expect(memory.cache.status(sale)?.state == .soldOut)
        try memory.skip(milliseconds: 1)
        #expect(memory.decide(sale, "loser", "k") == nil)
        #expect(memory.decide(sale, "b1", "another") == nil)
        #expect(memory.cache.status(sale) == nil)
        guard case .replayed(position: 1, at: _)? = memory.decide(sale, "b1", "k1") else {
            return #expect(Bool(false), "denied")
        }
        #expect(memory.decide(sale, "b1", "k1", quantity: 2) == .keyReused)
    }

    @Test func `answers on while Redis has just come back, and has said nothing of the sale`() throws {
        let memory = try Memory()
        let sale = try memory.hold()
        memory.server.crash()
        #expect(try memory.run { !memory.isReady })
        try memory.skip(milliseconds: 60_000)
        try memory.server.restart()
        let isBack = try memory.run {
            if !memory.isReady { try memory.skip(milliseconds: 100) }
            return memory.isReady
        }
        #expect(isBack)
        #expect(memory.decide(sale, "loser", "k") == .soldOut)
    }

    @Test func `leaves the first decision after a quiet second to Redis`() throws {
        let memory = try Memory()
        let sale = try memory.hold()
        try memory.skip(milliseconds: 1000)
        #expect(memory.decide(sale, "loser", "k") == .soldOut)
        try memory.skip(milliseconds: 1001)
        #expect(memory.decide(sale, "b1", "k1") == nil)
        #expect(memory.decide(sale, "loser", "k") == .soldOut)
    }

    @Test func `leaves a sale to Redis a second before it ends`() throws {
        let memory = try Memory()
        let closesAt = UnixMilliseconds(try memory.direct.time().value + 200_000)
        let sale = try memory.hold(closesAt: closesAt)
        memory.server.crash()
        #expect(try memory.run { !memory.isReady })
        let now = try #require(memory.cache.status(sale)).readAt
        try memory.skip(milliseconds: closesAt.value - 1000 - now.value - 1)
        #expect(memory.decide(sale, "loser", "k") == .soldOut)
        #expect(memory.cache.status(sale)?.readAt == UnixMilliseconds(closesAt.value - 1001))
        try memory.skip(milliseconds: 1)
        #expect(memory.decide(sale, "loser", "k") == nil)
        #expect(memory.cache.status(sale) == nil)
    }

    @Test func `leaves a sale to Redis whose opening lies ahead again`() throws {
        let memory = try Memory()
        let sale = try memory.hold()
        try memory.set(sale, "opens_at", "\(try memory.direct.time().value + 3_600_000)")
        try memory.skip(milliseconds: 100)
        #expect(memory.decide(sale, "loser", "k") == .soldOut)
        #expect(try memory.run { memory.cache.count == 0 })
        #expect(memory.decide(sale, "loser", "k") == nil)
    }

    @Test func `believes no Redis that has not been reconciled`() throws {
        let memory = try Memory()
        let sale = try memory.hold()
        // An older copy, which knows neither the last winner nor that nothing is left.
        try memory.set(sale, "serving_run_id", "another")
        try memory.direct.command(["SET", "\(SaleKeys(sale).stock)", "1"])
        try memory.direct.command(["SET", "\(SaleKeys(sale).position)", "2"])
        for _ in 0..<3 {
            try memory.skip(milliseconds: 700)
            _ = memory.decide(sale, "loser", "k")
            try memory.settle()
        }
        #expect(memory.decide(sale, "loser", "k") == .soldOut)
        guard case .replayed? = memory.decide(sale, "b3", "k3") else { return #expect(Bool(false), "denied") }
    }

    @Test func `holds no winners that were read while they changed`() throws {
        let memory = try Memory()
        let winners = 1500
        let sale = try memory.sell(winners: winners)
        memory.cache.decided(sale, position: 0, remaining: 0)
        #expect(try memory.run { try memory.direct.calls("hscan") >= 1 })
        // As when Redis is completed from the database. A part of the fields has been read before.
        try memory.direct.command([
            "EVAL",
            """
            for i = 1, ARGV[1] do redis.call('HSET', KEYS[1], 'b' .. i, 'k' .. i .. ' ' .. i .. ' 1 5 2') end
            redis.call('HSET', KEYS[2], 'epoch', '2')
            """, "2", "\(SaleKeys(sale).buyers)", "\(SaleKeys(sale).sale)", "\(winners)",
        ])
        #expect(
            try memory.run {
                memory.cache.decided(sale, position: 0, remaining: 0)
                if memory.cache.count == 0 { try memory.skip(milliseconds: 100) }
                return memory.cache.count == 1
            })
        for index in 1...winners {
            let replay = Decision.replayed(position: index, at: UnixMilliseconds(5))
            #expect(memory.decide(sale, "b\(index)", "k\(index)") == replay)
        }
    }

    @Test func `reads one sale at a time`() throws {
        let memory = try Memory()
        let sales = try ["first", "second"].map { try memory.sell($0, winners: 1500) }
        for sale in sales { memory.cache.decided(sale, position: 0, remaining: 0) }
        #expect(try memory.run { memory.cache.count == 1 })
        for _ in 0..<20 { try memory.settle() }
        #expect(memory.cache.count == 1)
        try memory.skip(milliseconds: 100)
        for sale in sales { memory.cache.decided(sale, position: 0, remaining: 0) }
        #expect(try memory.run { memory.cache.count == 2 })
    }

    @Test func `reads a sale that it can't hold once, and not again before it changes`() throws {
        let memory = try Memory()
        let sale = try memory.sell()
        try memory.direct.command(["HDEL", "\(SaleKeys(sale).buyers)", "b1"])
        let press = {
            try memory.skip(milliseconds: 100)
            memory.cache.decided(sale, position: 0, remaining: 0)
            try memory.settle()
            try memory.settle()
        }
        #expect(
            try memory.run {
                try press()
                return try memory.direct.calls("hscan") == 1
            })
        for _ in 0..<5 { try press() }
        #expect(try memory.direct.calls("hscan") == 1)
        try memory.set(sale, "epoch", "2")
        #expect(
            try memory.run {
                try press()
                return try memory.direct.calls("hscan") == 2
            })
    }

    @Test func `makes room for another sale only at the cost of one in which nobody presses`() throws {
        let memory = try Memory()
        let first = try memory.hold("first", winners: 100_000)
        let second = try memory.sell("second", winners: 40_000)
        let third = try memory.sell("third", winners: 40_000)
        let press = { (sale: SaleID) in
            try memory.skip(milliseconds: 100)
            memory.cache.decided(sale, position: 0, remaining: 0)
            try memory.settle()
        }
        let before = try memory.direct.calls("hscan")
        var scans = before
        let wasRead = try memory.run {
            _ = memory.decide(first, "loser", "k")
            try press(second)
            let earlier = scans
            scans = try memory.direct.calls("hscan")
            return scans > before && scans == earlier
        }
        #expect(wasRead)
        #expect(memory.decide(first, "loser", "k") == .soldOut)
        #expect(memory.decide(second, "loser", "k") == nil)
        try memory.skip(milliseconds: 10_001)
        #expect(
            try memory.run {
                try press(third)
                return memory.decide(third, "loser", "k") == .soldOut
            })
        #expect(memory.cache.count == 1)
    }
}
