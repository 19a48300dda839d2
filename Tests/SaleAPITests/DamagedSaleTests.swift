import Foundation
import RedisClient
import Shared
import TestSupport
import Testing

/// A sale that is damaged or missing on Redis.
@Suite struct `A sale` {
    private func set(_ redis: BlockingRedis, _ field: String, _ value: String) throws {
        try redis.command(["HSET", "sale:{demo}", "\(field)", "\(value)"])
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
        #expect(try api.metric("sale_decisions_total{outcome=\"fenced\"}") == 1)
    }

    @Test(arguments: ["stock", "position", "orders"])
    func `that lacks a part is fenced`(_ part: String) throws {
        let api = try APIUnderTest()
        let redis = try api.redis.connect()
        _ = try TestSale.create(redis)
        try redis.command(["DEL", "sale:{demo}:\(part)"])
        #expect(try api.buy("demo", "b1", "k1").status == 503)
    }

    @Test func `that has lost its buyers does not deny a winner's order`() throws {
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
    func `that lacks a required field is fenced`(_ field: String) throws {
        let api = try APIUnderTest()
        let redis = try api.redis.connect()
        _ = try TestSale.create(redis)
        try redis.command(["HDEL", "sale:{demo}", "\(field)"])
        #expect(try api.buy("demo", "b1", "k1").status == 503)
    }

    @Test func `that was seen and has been lost is unavailable, not unknown`() throws {
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

    @Test func `whose script failed for an unknown reason leaves the purchase pending`() throws {
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

    @Test func `is logged at most once a second for each sale and cause, and counted in full`() throws {
        let api = try APIUnderTest()
        let redis = try api.redis.connect()
        for sale in ["demo", "other"] { _ = try TestSale.create(redis, sale) }
        try redis.command(["CONFIG", "SET", "maxmemory", "1"])
        func lines(_ sale: String = "demo") -> Int {
            api.process.errors.components(separatedBy: "\"batch_refused\",\"sale\":\"\(sale)\"").count - 1
        }
        let began = ContinuousClock.now
        for number in 1...200 { #expect(try api.buy("demo", "b\(number)", "k").status == 503) }
        #expect(try api.buy("other", "b1", "k").status == 503)
        let metrics = try api.ask("GET", "/metrics").body
        #expect(metrics.contains("\nsale_redis_errors_total 201\n"))
        #expect(eventually { lines() > 0 && lines("other") == 1 })
        let seconds = Int((ContinuousClock.now - began).components.seconds)
        #expect(lines() <= seconds + 1)
    }

    @Test func `sells on while Redis keeps losing its scripts`() throws {
        let api = try APIUnderTest()
        let redis = try api.redis.connect()
        _ = try TestSale.create(redis)
        for index in 1...5 {
            try redis.command(["SCRIPT", "FLUSH"])
            #expect(try api.buy("demo", "b\(index)", "k1").json["position"] as? Int == index)
        }
    }
}
