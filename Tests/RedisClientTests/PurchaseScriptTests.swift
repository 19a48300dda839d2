import LuaScripts
import RedisClient
import Shared
import TestSupport
import Testing

@Suite struct `purchase.lua` {
    typealias Purchase = TestSale.Purchase

    @Test func `decides thousands of random batches as its model does, and leaves the same state`() throws {
        var random = SeededRandom()
        let server = try RedisServer(["--appendfsync", "no"])
        let redis = try server.connect()
        for round in 0..<40 {
            let stock = Int.random(in: 1...60, using: &random)
            let limit = Int.random(in: 1...5, using: &random)
            let sale = try TestSale.create(redis, "round-\(round)", stock: stock, maxPerBuyer: limit)
            var model = PurchaseModel(stock: stock, maxPerBuyer: limit)
            for _ in 0..<60 {
                try change(&model, redis, sale, &random)
                let batch = (0..<Int.random(in: 1...12, using: &random)).map { _ in
                    Purchase(
                        buyer: "b\(Int.random(in: 0..<25, using: &random))",
                        key: "k\(Int.random(in: 0..<4, using: &random))",
                        quantity: Int.random(in: 1...3, using: &random))
                }
                let reply = try TestSale.purchase(redis, sale, batch)
                let expected = batch.map { model.decide($0, now: reply.now) }
                try #require(reply.codes == String(expected.map(\.code)), "seed \(random.seed), \(batch)")
                try #require(reply.details == expected.compactMap(\.detail), "seed \(random.seed), \(batch)")
                if model.serving {
                    #expect(reply.left == model.stock)
                    #expect(reply.epoch == 1)
                }
            }
            try expectSameState(model, redis, sale, seed: random.seed)
        }
    }

    /// Pauses, resumes, moves the times, or raises the fence, in both.
    private func change(
        _ model: inout PurchaseModel, _ redis: BlockingRedis, _ sale: SaleID, _ random: inout SeededRandom
    ) throws {
        let hour = 3_600_000
        let now = UnixMilliseconds.now.value
        let key: RedisArgument = "\(SaleKeys(sale).sale)"
        func set(_ field: String, _ value: String) throws {
            try redis.command(["HSET", key, "\(field)", "\(value)"])
        }
        switch Int.random(in: 0..<24, using: &random) {
        case 0, 1:
            #expect(try redis.control(sale, model.paused ? .resume : .pause) == (model.serving ? nil : .fenced))
            if model.serving { model.paused.toggle() }
        case 2:
            model.opensAt = [0, now - hour, now + hour].randomElement(using: &random)!
            try set("opens_at", "\(model.opensAt)")
        case 3:
            model.closesAt = [0, 0, now - hour, now + hour].randomElement(using: &random)!
            try set("closes_at", "\(model.closesAt)")
        case 4:
            model.serving.toggle()
            try set("serving_run_id", model.serving ? redis.facts.runID : "another")
        case 5:
            model.lastAt = now + Int.random(in: 0...hour, using: &random)
            try set("last_at_ms", "\(model.lastAt)")
        case 6...9 where model.opensAt > now || (model.closesAt > 0 && model.closesAt < now) || !model.serving:
            // Most of the time the sale sells.
            (model.opensAt, model.closesAt, model.serving) = (0, 0, true)
            try set("opens_at", "0")
            try set("closes_at", "0")
            try set("serving_run_id", redis.facts.runID)
        default: break
        }
    }

    private func expectSameState(_ model: PurchaseModel, _ redis: BlockingRedis, _ sale: SaleID, seed: UInt64) throws {
        let status = try #require(try redis.status(sale))
        #expect(status.remaining == model.stock, "seed \(seed)")
        #expect(status.position == model.position, "seed \(seed)")
        let lastAt = try redis.command(["HGET", "\(SaleKeys(sale).sale)", "last_at_ms"])
        #expect(lastAt.integer == model.lastAt, "seed \(seed)")
        var wins: [String: [PurchaseModel.Won]] = [:]
        try redis.forEachField(of: SaleKeys(sale).buyers) { buyer, text in
            wins[buyer] = Win.parse(text)?.map {
                PurchaseModel.Won(key: $0.key, position: $0.position, quantity: $0.quantity, at: $0.securedAt.value)
            }
        }
        #expect(wins == model.wins, "seed \(seed)")
        let events = try TestSale.orderEvents(redis, sale)
        #expect(events.count == model.orders.count)
        for (event, order) in zip(events, model.orders) {
            #expect(
                event == [
                    "v": "1", "kind": "order", "order": "\(sale)-\(order.position)", "position": "\(order.position)",
                    "buyer": order.buyer, "quantity": "\(order.quantity)", "key": order.key,
                    "trace": String(repeating: "0", count: 31) + "1", "at_ms": "\(order.at)", "epoch": "1",
                ], "seed \(seed)")
        }
    }

    @Test func `a batch without a win writes nothing`() throws {
        let server = try RedisServer()
        let redis = try server.connect()
        let sale = try TestSale.create(redis, stock: 1)
        _ = try TestSale.purchase(redis, sale, [Purchase(buyer: "a", key: "k")])
        let before = try server.bytesAppended(redis)
        let reply = try TestSale.purchase(
            redis, sale, (0..<500).map { Purchase(buyer: "loser\($0)", key: "k") } + [Purchase(buyer: "a", key: "k")])
        #expect(reply.codes == String(repeating: "O", count: 500) + "R")
        #expect(try server.bytesAppended(redis) == before)
    }

    @Test func `a thousand purchases in one batch are all decided`() throws {
        let server = try RedisServer()
        let redis = try server.connect()
        let sale = try TestSale.create(redis, stock: 600)
        let reply = try TestSale.purchase(redis, sale, (0..<1000).map { Purchase(buyer: "b\($0)", key: "k") })
        #expect(reply.codes == String(repeating: "S", count: 600) + String(repeating: "O", count: 400))
        #expect(reply.details == (1...600).map { "\($0)" })
    }

    @Test func `a win's time never goes backwards, whatever the clock does`() throws {
        let server = try RedisServer()
        let redis = try server.connect()
        let sale = try TestSale.create(redis)
        let future = UnixMilliseconds.now.value + 3_600_000
        try redis.command(["HSET", "\(SaleKeys(sale).sale)", "last_at_ms", "\(future)"])
        let reply = try TestSale.purchase(redis, sale, [Purchase(buyer: "a", key: "k")])
        #expect(reply.securedAt == future)
        #expect(reply.now < future)
    }

    @Test(arguments: ["stock", "position", "orders"])
    func `a sale that lacks a part sells nothing`(_ part: String) throws {
        let server = try RedisServer()
        let redis = try server.connect()
        let sale = try TestSale.create(redis)
        try redis.command(["DEL", "sale:{demo}:\(part)"])
        let reply = try TestSale.purchase(
            redis, sale, [Purchase(buyer: "a", key: "k"), Purchase(buyer: "b", key: "k")])
        #expect(reply.codes == "FF")
        #expect(try redis.status(sale, allowingGaps: true)?.isWhole == false)
    }

    @Test func `a sale that has lost its stream can still be shown`() throws {
        let server = try RedisServer()
        let redis = try server.connect()
        let sale = try TestSale.create(redis)
        #expect(try redis.status(sale)?.hasStream == true)
        try redis.command(["DEL", "\(SaleKeys(sale).orders)"])
        #expect(try redis.status(sale)?.hasStream == false)
    }

    @Test func `a sale that has lost its buyers gives nobody a second win`() throws {
        let server = try RedisServer()
        let redis = try server.connect()
        let sale = try TestSale.create(redis)
        let again = [Purchase(buyer: "a", key: "k")]
        #expect(try TestSale.purchase(redis, sale, again).codes == "S")
        try redis.command(["DEL", "\(SaleKeys(sale).buyers)"])
        #expect(try TestSale.purchase(redis, sale, again).codes == "F")
        #expect(throws: RedisError.self) { try redis.status(sale) }
        #expect(try redis.status(sale, allowingGaps: true)?.isWhole == false)
    }

    @Test func `a Redis with another run_id sells nothing`() throws {
        let server = try RedisServer()
        let redis = try server.connect()
        let sale = try TestSale.create(redis)
        let reply = try TestSale.purchase(redis, sale, [Purchase(buyer: "a", key: "k")], runID: "somebody else")
        #expect(reply.codes == "F")
        #expect(try redis.status(sale)?.remaining == 10)
    }

    @Test func `a sale that isn't there is unknown`() throws {
        let server = try RedisServer()
        let redis = try server.connect()
        #expect(try TestSale.purchase(redis, SaleID("ghost")!, [Purchase(buyer: "a", key: "k")]).codes == "U")
        #expect(try redis.command(["DBSIZE"]).integer == 0)
    }

    @Test func `a buyers key of another type stops the batch before anything is written`() throws {
        let server = try RedisServer()
        let redis = try server.connect()
        let sale = try TestSale.create(redis)
        try redis.command(["SET", "\(SaleKeys(sale).buyers)", "not a hash"])
        #expect(throws: RedisError.self) {
            try TestSale.purchase(redis, sale, [Purchase(buyer: "a", key: "k")])
        }
        #expect(try redis.status(sale)?.remaining == 10)
        #expect(try TestSale.orderEvents(redis, sale).isEmpty)
    }

    @Test(arguments: ["many", "", "0", "-1", "1.5", "nan"])
    func `a quantity that is none stops the batch before anything is written`(_ quantity: String) throws {
        let server = try RedisServer()
        let redis = try server.connect()
        let sale = try TestSale.create(redis)
        let keys = SaleKeys(sale)
        #expect(throws: RedisError.self) {
            try redis.run(
                ScriptCall(
                    .purchase, keys: [keys.sale, keys.stock, keys.position, keys.buyers, keys.orders, keys.tickets],
                    [redis.facts.runID, "demo", "a", "k", "1", "t", "b", "k", quantity, "t"]))
        }
        #expect(try redis.status(sale)?.remaining == 10)
    }
}
