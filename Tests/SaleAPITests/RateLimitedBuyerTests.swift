import Glibc
import RedisClient
import Shared
import TestSupport
import Testing

@Suite struct `A buyer who asks too often` {
    @Test func `is told when to come back, and is admitted then`() throws {
        let api = try APIUnderTest(["SALE_RATE_LIMIT": "3/3s"])
        try TestSale.create(api.redis.connect(), "demo", stock: 0)
        for index in 0..<3 { #expect(try api.buy("demo", "b1", "k\(index)").problem == "sold-out") }
        // The fourth within a second; on a slow machine a later one.
        var refused = try api.buy("demo", "b1", "k3")
        let isRefused = try eventually {
            if refused.status != 429 { refused = try api.buy("demo", "b1", "k4") }
            return refused.status == 429
        }
        #expect(isRefused)
        #expect(refused.problem == "rate-limited")
        let seconds = try #require(Int(refused["Retry-After"] ?? ""))
        #expect(refused["RateLimit"] == "\"buyer\";r=0;t=\(seconds)")
        #expect(refused["RateLimit-Policy"] == "\"buyer\";q=3;w=3")
        #expect(try api.buy("demo", "b2", "k1").problem == "sold-out")
        #expect(try api.metric("sale_rate_limited_total") == 1)
        #expect(try eventually { try api.buy("demo", "b1", "k5").status == 409 })
    }

    @Test func `may replay a win as often as it likes`() throws {
        let api = try APIUnderTest(["SALE_RATE_LIMIT": "3/10s"])
        try TestSale.create(api.redis.connect(), "demo", stock: 10)
        #expect(try api.buy("demo", "b1", "k").status == 201)
        for _ in 0..<20 { #expect(try api.buy("demo", "b1", "k").status == 200) }
    }

    @Test func `may do so, too, once the sale is sold out and answered from memory`() throws {
        let api = try APIUnderTest(["SALE_RATE_LIMIT": "3/1h"])
        try TestSale.create(api.redis.connect(), "demo", stock: 1)
        #expect(try api.buy("demo", "b1", "k").status == 201)
        var others = 0
        let isHeld = try eventually {
            others += 1
            _ = try api.buy("demo", "other-\(others)", "k")
            return try api.metric("sale_edge_cache_sales") == 1
        }
        #expect(isHeld)
        for _ in 0..<20 { #expect(try api.buy("demo", "b1", "k").status == 200) }
        #expect(try api.buy("demo", "b1", "k2").problem == "purchase-limit")
    }

    @Test func `may come back free of charge when an answer has asked for it`() throws {
        let api = try APIUnderTest(["SALE_RATE_LIMIT": "1/1h"])
        let redis = try api.redis.connect()
        _ = try redis.control(TestSale.create(redis, "demo"), .pause)
        let paused = try api.buy("demo", "b1", "k")
        #expect(paused.problem == "sale-paused")
        #expect(paused["Retry-After"] == "2")
        #expect(try eventually { try api.buy("demo", "b1", "k").problem == "sale-paused" })
    }

    @Test func `may not come back free of charge before that`() throws {
        let api = try APIUnderTest(["SALE_RATE_LIMIT": "1/1h"])
        let opensAt = UnixMilliseconds(UnixMilliseconds.now.value + 3_600_000)
        try TestSale.create(api.redis.connect(), "demo", opensAt: opensAt)
        #expect(try api.buy("demo", "b1", "k").problem == "sale-not-open")
        // Longer than the second after which a buyer may come back when Redis is away.
        usleep(1_200_000)
        #expect(try api.buy("demo", "b1", "k").status == 429)
    }

    @Test func `is judged after token, key and body`() throws {
        let api = try APIUnderTest(["SALE_RATE_LIMIT": "1/1h"])
        try TestSale.create(api.redis.connect(), "demo", stock: 0)
        #expect(try api.buy("demo", "b1", "k").status == 409)
        #expect(try api.buy("demo", "b1", "k").status == 429)
        #expect(try api.buy("demo", "b1", "not a key").status == 400)
        #expect(try api.buy("demo", "b1", "k", quantity: 0).status == 400)
    }
}
