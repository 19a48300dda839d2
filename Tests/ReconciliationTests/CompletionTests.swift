import OrderStore
import Reconciliation
import RedisClient
import Shared
import TestSupport
import Testing

@Suite struct `Completing a sale on Redis` {
    private let server: RedisServer
    private let redis: BlockingRedis
    private let keys = SaleKeys(TestStores.sale)

    init() throws {
        server = try RedisServer()
        redis = try server.connect()
    }

    /// Completes the sale, as if Redis had nothing of it; false if it was left as it is.
    private func complete(_ stored: StoredSale, epoch: Int) throws -> Bool {
        guard case .repair(let plan) = RepairPlan.make(redis: nil, sqlite: stored, witness: nil) else {
            throw Unplanned()
        }
        return try redis.repair(stored, by: plan, epoch: epoch)
    }

    private struct Unplanned: Error {}

    /// Lifts its fence.
    private func stamp() throws {
        #expect(try redis.stamp(try #require(try redis.status(TestStores.sale))))
    }

    @Test(arguments: ["stock", "position", "buyers", "orders"])
    func `is done if it lacks a part, and not while this Redis serves all of it`(_ part: String) throws {
        let (_, stored) = TestStores.equal()
        #expect(try complete(stored, epoch: 2))
        try stamp()
        #expect(try !complete(stored, epoch: 3))
        #expect(try redis.status(TestStores.sale)?.epoch == 2)
        try redis.command(["DEL", "\(keys.sale):\(part)"])
        #expect(try complete(stored, epoch: 3))
        let status = try #require(try redis.status(TestStores.sale))
        #expect(status.epoch == 3)
        #expect(status.servingRunID == "")
        #expect(status.remaining == 7)
        #expect(status.position == 3)
        #expect(try redis.command(["HLEN", "\(keys.buyers)"]).integer == 3)
        #expect(try redis.hasStream(TestStores.sale))
    }

    @Test func `is not needed for want of buyers if every win is lost`() throws {
        var (_, stored) = TestStores.equal()
        stored.orders = []
        stored.sold = 0
        stored.losses = [.init(positions: 1...3, units: 3, isReleased: false)]
        #expect(try complete(stored, epoch: 2))
        try stamp()
        #expect(try !complete(stored, epoch: 3))
        let reply = try redis.run(.lookup("a", in: TestStores.sale, runID: redis.facts.runID))
        #expect(reply.strings.first == "K")
        #expect(try TestSale.purchase(redis, TestStores.sale, [.init(buyer: "a", key: "k")]).details == ["4"])
    }

    @Test func `leaves another sale of the name as it is`() throws {
        try TestSale.create(redis)
        try redis.fence(TestStores.sale)
        let before = try redis.status(TestStores.sale)
        #expect(try !complete(TestStores.equal().sqlite, epoch: 2))
        #expect(try redis.status(TestStores.sale)?.uuid == before?.uuid)
        #expect(try redis.status(TestStores.sale)?.epoch == 1)
    }

    @Test func `takes away a waiting room that SQLite does not know`() throws {
        let (_, stored) = TestStores.equal()
        try redis.command(["HSET", "\(keys.sale)", "uuid", "u", "admission", "0 0 50", "turn_window_ms", "1000"])
        #expect(try complete(stored, epoch: 2))
        let status = try #require(try redis.status(TestStores.sale))
        #expect(status.settings.waitingRoom == nil)
        #expect(try redis.command(["HEXISTS", "\(keys.sale)", "turn_window_ms"]).integer == 0)
    }

    @Test func `writes nothing if a key is of another type`() throws {
        for key in [keys.buyers, keys.tickets] {
            try redis.command(["SET", "\(key)", "no hash"])
            #expect(throws: RedisError.self) { try complete(TestStores.equal().sqlite, epoch: 2) }
            #expect(try redis.command(["DBSIZE"]).integer == 1)
            try redis.command(["DEL", "\(key)"])
        }
    }
}
