import Foundation
import RedisClient
import Shared
import TestSupport
import Testing

/// Answers while Redis can't be sold from.
@Suite struct `While Redis can't be used` {
    /// Everything that needs Redis.
    private static let targets = [
        "/v1/sales", "/v1/sales/demo", "/v1/sales/demo/purchases", "/v1/sales/demo/orders/demo-1",
    ]

    @Test func `everything is refused at once, and recovers by itself`() throws {
        // A long deadline proves that refusals don't wait for it.
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
        // Another run of Redis sells nothing until it has been compared with SQLite.
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

    @Test func `because its append-only file was just turned on and is not complete, nothing is sold`() throws {
        // A rewrite takes a second for each key.
        let api = try APIUnderTest(
            redisSettings: ["--appendonly", "no", "--rdb-key-save-delay", "1000000"], ready: false)
        let redis = try api.redis.connect()
        _ = try TestSale.create(redis)
        for index in 0..<60 { try redis.command(["SET", "key\(index)", "1"]) }
        try redis.command(["CONFIG", "SET", "appendonly", "yes"])
        let reason = "the rewrite of the append-only file must be complete"
        #expect(try eventually { (try api.ask("GET", "/readyz").json["reason"] as? String ?? "").contains(reason) })
        #expect(try api.buy("demo", "b1", "k1").status == 503)
        #expect(try TestSale.orderEvents(redis, SaleID("demo")!).isEmpty)
        // Turning it off ends the rewrite.
        try redis.command(["CONFIG", "SET", "appendonly", "no", "rdb-key-save-delay", "0"])
        try redis.command(["CONFIG", "SET", "appendonly", "yes"])
        #expect(try api.awaitReady())
        #expect(try api.buy("demo", "b1", "k1").status == 201)
    }

    @Test func `because its settings are not safe, relaxed durability sells anyway, and reports it`() throws {
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
        // The first purchase finds out: READONLY means that nothing ran.
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

    @Test func `because it rejects our password, /readyz says so`() throws {
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

    @Test func `because its settings have become unsafe, nothing is sold until they are safe again`() throws {
        let api = try APIUnderTest()
        let redis = try api.redis.connect()
        try TestSale.create(redis)
        #expect(try api.buy("demo", "b1", "k1").status == 201)
        try redis.command(["CONFIG", "SET", "appendfsync", "everysec"])
        #expect(
            try eventually {
                (try api.ask("GET", "/readyz").json["reason"] as? String ?? "").contains("appendfsync is \"everysec\"")
            })
        #expect(try api.buy("demo", "b2", "k1").status == 503)
        try redis.command(["CONFIG", "SET", "appendfsync", "always"])
        #expect(try api.awaitReady())
        #expect(try api.buy("demo", "b2", "k1").json["position"] as? Int == 2)
    }

    @Test func `a rewrite of its append-only file, begun meanwhile, is no reason to stop`() throws {
        // Again if Redis counts as lost, as on a machine that stands still for a second. With another Redis, as an API
        // that connects anew sees a rewrite that has begun before.
        let goesOn = try eventually {
            let api = try APIUnderTest()
            let redis = try api.redis.connect()
            try TestSale.create(redis)
            // A rewrite takes a second for each key.
            for index in 0..<60 { try redis.command(["SET", "key\(index)", "1"]) }
            try redis.command(["CONFIG", "SET", "rdb-key-save-delay", "1000000"])
            try redis.command(["BGREWRITEAOF"])
            // Turning it off ends the rewrite.
            defer { _ = try? redis.command(["CONFIG", "SET", "appendonly", "no"]) }
            // The first one may have been under way.
            let inspections = try redis.calls("config|get")
            #expect(try eventually { try redis.calls("config|get") >= inspections + 2 })
            let isSold = try api.buy("demo", "b1", "k1").status == 201
            let persistence = try redis.command(["INFO", "persistence"]).string ?? ""
            #expect(
                persistence.contains("aof_rewrite_in_progress:1"), "the rewrite was over before: this proves nothing")
            return try isSold && api.metric("sale_redis_losses_total") == 0
        }
        #expect(goesOn)
    }

    @Test(arguments: [["maxmemory", "1"], ["min-replicas-to-write", "1"]])
    func `because it refuses writes, a purchase is 503 and nothing was done`(_ setting: [String]) throws {
        let api = try APIUnderTest()
        let redis = try api.redis.connect()
        _ = try TestSale.create(redis)
        try redis.command(["CONFIG", "SET"] + setting.map { RedisArgument($0) })
        let answer = try api.buy("demo", "b1", "k1")
        #expect(answer.status == 503)
        #expect(answer.problem == "unavailable")
        expectProblem(answer)
        try redis.command(["CONFIG", "SET", "\(setting[0])", "0"])
        #expect(try api.buy("demo", "b1", "k1").json["position"] as? Int == 1)
    }

    @Test func `because it hangs, it is used again once it answers`() throws {
        let api = try APIUnderTest()
        let answer = try api.pausingRedis { try api.startBuying("demo", "b1", "k1") }
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
        #expect(try redis.stamp(status))
    }
}
