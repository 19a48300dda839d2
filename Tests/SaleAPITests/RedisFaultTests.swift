import Foundation
import RedisClient
import Shared
import TestSupport
import Testing

/// What buyers are told while Redis can't be sold from.
@Suite struct `While Redis can't be used` {
    /// Everything that needs Redis.
    private static let targets = [
        "/v1/sales", "/v1/sales/demo", "/v1/sales/demo/purchases", "/v1/sales/demo/orders/demo-1",
    ]

    @Test func `everything is refused at once, and it comes back by itself`() throws {
        // Nobody could wait out this deadline: refusals come without waiting.
        let api = try APIUnderTest(["SALE_DEADLINE_MS": "60000"])
        _ = try TestSale.create(try api.redis.connect())
        let won = try api.buy("demo", "b1", "k1")
        #expect(won.status == 201)
        api.redis.crash()
        #expect(try eventually { try api.ask("GET", "/readyz").status == 503 })
        for answer in try [api.buy("demo", "b2", "k1")]
            + Self.targets.map({ try api.ask("GET", $0, [api.bearer("b1")]) })
        {
            #expect(answer.status == 503)
            #expect(answer.problem == "unavailable")
            #expect(answer["Retry-After"] == "1")
            expectProblem(answer)
        }
        #expect(try api.ask("GET", "/livez").status == 200)
        #expect(try api.metric("sale_redis_ready") == 0)
        #expect(try api.metric("sale_redis_losses_total") == 1)

        try api.redis.restart()
        #expect(try api.awaitReady())
        // Another run of Redis sells nothing until somebody has compared it with what is stored.
        let fenced = try api.buy("demo", "b2", "k1")
        #expect(fenced.status == 503)
        #expect(fenced["Retry-After"] == "1")
        try liftFence(api)
        #expect(try api.buy("demo", "b1", "k1").body == won.body)
        #expect(try api.buy("demo", "b2", "k1").json["position"] as? Int == 2)
    }

    @Test func `because its settings are not safe, /readyz says which, and nothing is sold`() throws {
        let api = try APIUnderTest(redisSettings: ["--appendfsync", "everysec", "--save", "60 1"], ready: false)
        let redis = try api.redis.connect()
        _ = try TestSale.create(redis)
        let ready = try api.ask("GET", "/readyz")
        #expect(ready.status == 503)
        expectProblem(ready)
        let reason = ready.json["reason"] as? String ?? ""
        #expect(reason.contains("appendfsync is \"everysec\" and must be \"always\""))
        #expect(reason.contains("save is \"60 1\" and must be \"\""))
        #expect(!reason.contains("maxmemory-policy"))
        #expect(try api.buy("demo", "b1", "k1").status == 503)
        #expect(try TestSale.orderEvents(redis, SaleID("demo")!).isEmpty)
        try redis.command(["CONFIG", "SET", "appendfsync", "always", "save", ""])
        #expect(try api.awaitReady())
        #expect(try api.buy("demo", "b1", "k1").status == 201)
    }

    @Test func `because its settings are not safe, development may sell anyway, and says so`() throws {
        let api = try APIUnderTest(redisSettings: ["--appendonly", "no"], ["SALE_DURABILITY": "relaxed"])
        _ = try TestSale.create(try api.redis.connect())
        #expect(try api.ask("GET", "/readyz").json["durability"] as? String == "relaxed")
        #expect(api.process.errors.contains("relaxed: appendonly is"))
        #expect(try api.buy("demo", "b1", "k1").status == 201)
    }

    @Test func `because it has become a replica, it is left, and /readyz says why`() throws {
        let api = try APIUnderTest()
        let redis = try api.redis.connect()
        _ = try TestSale.create(redis)
        try redis.command(["REPLICAOF", "127.0.0.1", "1"])
        // The first to ask finds out: READONLY means that nothing ran.
        let answer = try api.buy("demo", "b1", "k1")
        #expect(answer.status == 503)
        expectProblem(answer)
        #expect(
            try eventually {
                (try api.ask("GET", "/readyz").json["reason"] as? String ?? "").contains(
                    "is a replica, not the primary")
            })
        try redis.command(["REPLICAOF", "NO", "ONE"])
        #expect(try api.awaitReady())
        #expect(try api.buy("demo", "b1", "k1").status == 201)
    }

    @Test func `because it does not let us in, /readyz says so`() throws {
        let api = try APIUnderTest()
        let redis = try api.redis.connect()
        try redis.command(["CONFIG", "SET", "requirepass", "hunter2"])
        try redis.command(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"])
        #expect(
            try eventually {
                (try api.ask("GET", "/readyz").json["reason"] as? String ?? "").contains("NOAUTH")
            })
        try redis.command(["CONFIG", "SET", "requirepass", ""])
        #expect(try api.awaitReady())
        #expect(!api.process.errors.contains("hunter2"))
    }

    @Test(arguments: [["maxmemory", "1"], ["min-replicas-to-write", "1"]])
    func `as it refuses to write, a purchase is 503 and nothing was done`(_ setting: [String]) throws {
        let api = try APIUnderTest()
        let redis = try api.redis.connect()
        _ = try TestSale.create(redis)
        try redis.command(["CONFIG", "SET"] + setting.map { RedisArgument($0) })
        let answer = try api.buy("demo", "b1", "k1")
        #expect(answer.status == 503)
        #expect(answer.problem == "unavailable")
        expectProblem(answer)
        try redis.command(["CONFIG", "SET", RedisArgument(setting[0]), "0"])
        #expect(try api.buy("demo", "b1", "k1").json["position"] as? Int == 1)
    }

    @Test func `as it hangs when we start, it is used once it answers`() throws {
        let api = try APIUnderTest()
        api.redis.pause()
        let answer = try api.startBuying("demo", "b1", "k1")
        #expect(
            try eventually {
                (try api.ask("GET", "/readyz").json["reason"] as? String ?? "").contains("no answer to the handshake")
            })
        #expect(try answer.answer().status == 202)
        api.redis.resume()
        #expect(try api.awaitReady())
    }

    /// What the worker does once Redis and SQLite agree.
    private func liftFence(_ api: APIUnderTest) throws {
        let redis = try api.redis.connect()
        let status = try #require(try redis.status(SaleID("demo")!))
        #expect(try redis.stamp(status, epoch: status.epoch))
    }
}

/// What becomes of a sale that Redis has, or had, in another form than it should.
@Suite struct `A sale` {
    private func set(_ redis: BlockingRedis, _ field: String, _ value: String) throws {
        try redis.command(["HSET", "sale:{demo}", RedisArgument(field), RedisArgument(value)])
    }

    @Test func `that is fenced sells nothing and shows no orders, but is not unknown`() throws {
        let api = try APIUnderTest()
        let redis = try api.redis.connect()
        _ = try TestSale.create(redis)
        try set(redis, "serving_run_id", "another")
        for answer in try [
            api.buy("demo", "b1", "k1"), api.ask("GET", "/v1/sales/demo/purchases", [api.bearer("b1")]),
            api.ask("GET", "/v1/sales/demo/orders/demo-1", [api.bearer("b1")]),
        ] {
            #expect(answer.status == 503)
            #expect(answer.problem == "unavailable")
            #expect(answer["Retry-After"] == "1")
            expectProblem(answer)
        }
        #expect(try TestSale.orderEvents(redis, SaleID("demo")!).isEmpty)
        #expect(try api.metric("sale_decisions_total{outcome=\"turned_away\"}") == 1)
    }

    @Test(arguments: ["stock", "position", "orders"])
    func `that lacks a part is fenced`(_ part: String) throws {
        let api = try APIUnderTest()
        let redis = try api.redis.connect()
        _ = try TestSale.create(redis)
        try redis.command(["DEL", RedisArgument("sale:{demo}:\(part)")])
        #expect(try api.buy("demo", "b1", "k1").status == 503)
    }

    @Test func `that has lost its buyers tells no winner that it has won nothing`() throws {
        let api = try APIUnderTest()
        let redis = try api.redis.connect()
        _ = try TestSale.create(redis)
        #expect(try api.buy("demo", "b1", "k1").status == 201)
        try redis.command(["DEL", "sale:{demo}:buyers"])
        #expect(try api.buy("demo", "b1", "k1").status == 503)
        for path in ["/v1/sales/demo/purchases", "/v1/sales/demo/orders/demo-1"] {
            #expect(try api.ask("GET", path, [api.bearer("b1")]).status == 503, "\(path)")
        }
    }

    @Test(arguments: ["max_per_buyer"])
    func `that lacks a field which decides is fenced`(_ field: String) throws {
        let api = try APIUnderTest()
        let redis = try api.redis.connect()
        _ = try TestSale.create(redis)
        try redis.command(["HDEL", "sale:{demo}", RedisArgument(field)])
        #expect(try api.buy("demo", "b1", "k1").status == 503)
    }

    @Test func `that was known and has been forgotten is unavailable, not unknown`() throws {
        let api = try APIUnderTest()
        let redis = try api.redis.connect()
        _ = try TestSale.create(redis)
        #expect(try api.buy("demo", "b1", "k1").status == 201)
        try redis.command(["FLUSHALL"])
        let ask = {
            try [
                api.buy("demo", "b1", "k1"), api.ask("GET", "/v1/sales/demo"),
                api.ask("GET", "/v1/sales/demo/purchases", [api.bearer("b1")]),
                api.ask("GET", "/v1/sales/demo/orders/demo-1", [api.bearer("b1")]),
            ]
        }
        for answer in try ask() {
            #expect(answer.status == 503)
            expectProblem(answer)
        }
        #expect(try api.buy("other", "b1", "k1").status == 404)
        try api.restart()
        #expect(try ask().map(\.status) == [404, 404, 404, 404])
    }

    @Test func `whose script stopped for a reason we don't know leaves the purchase pending`() throws {
        let api = try APIUnderTest()
        let redis = try api.redis.connect()
        _ = try TestSale.create(redis)
        try redis.command(["SET", "sale:{demo}:buyers", "not a hash"])
        let answer = try api.buy("demo", "b1", "k1")
        #expect(answer.status == 202)
        #expect(answer.json["status"] as? String == "pending")
        #expect(answer["Retry-After"] == "1")
        #expect(eventually { api.process.errors.contains("\"batch_undecided\"") })
        try redis.command(["DEL", "sale:{demo}:buyers"])
        #expect(try api.buy("demo", "b1", "k1").status == 201)
    }

    @Test func `sells on while its scripts are forgotten again and again`() throws {
        let api = try APIUnderTest()
        let redis = try api.redis.connect()
        _ = try TestSale.create(redis)
        for index in 1...5 {
            try redis.command(["SCRIPT", "FLUSH"])
            #expect(try api.buy("demo", "b\(index)", "k1").json["position"] as? Int == index)
        }
    }
}
