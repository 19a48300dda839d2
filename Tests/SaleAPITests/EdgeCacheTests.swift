import RedisClient
import Shared
import TestSupport
import Testing

@testable import SaleAPI

/// Answers from memory once nothing is left.
@Suite struct `A sale that is sold out` {
    private static let sale = SaleID("demo")!

    /// Sells five units to as many buyers, and waits until the process holds all of them.
    private func soldOut(_ api: APIUnderTest) throws {
        try TestSale.create(try api.redis.connect(), stock: 5)
        for index in 1...5 { #expect(try api.buy("demo", "w\(index)", "k1").status == 201) }
        try awaitHeld(api)
    }

    private func awaitHeld(_ api: APIUnderTest) throws {
        // Each press that Redis refuses makes the process ask about the sale again.
        #expect(
            try eventually {
                _ = try api.buy("demo", "loser", "k1")
                return try api.metric("sale_edge_cache_sales") == 1
            })
    }

    private func hits(_ api: APIUnderTest) throws -> Int { try api.metric("sale_edge_cache_hits_total") ?? 0 }

    @Test func `is answered from memory as Redis would answer`() throws {
        var random = SeededRandom()
        let api = try APIUnderTest()
        let redis = try api.redis.connect()
        try TestSale.create(redis, stock: 40, maxPerBuyer: 4)
        let buyers = (0..<20).map { "b\($0)" }
        while try redis.status(Self.sale)?.remaining != 0 {
            let quantity = Int.random(in: 1...3, using: &random)
            let key = "k\(Int.random(in: 0..<4, using: &random))"
            _ = try api.buy("demo", buyers.randomElement(using: &random)!, key, quantity: quantity)
        }
        try awaitHeld(api)

        let before = try hits(api)
        var codes = Set<String>()
        for _ in 0..<400 {
            let buyer = "b\(Int.random(in: 0..<24, using: &random))"
            let key = "k\(Int.random(in: 0..<6, using: &random))"
            let quantity = Int.random(in: 1...5, using: &random)
            let said = try TestSale.purchase(redis, Self.sale, [.init(buyer: buyer, key: key, quantity: quantity)])
            let answer = try api.buy("demo", buyer, key, quantity: quantity)
            codes.insert(said.codes)
            switch said.codes {
            case "R":
                let words = said.details[0].split(separator: " ")
                #expect(answer.status == 200)
                #expect(answer["Idempotent-Replayed"] == "true")
                #expect(answer.json["position"] as? Int == Int(words[0]))
                #expect(answer.json["quantity"] as? Int == quantity)
                var time = ByteBuffer()
                time.append(rfc3339: UnixMilliseconds(Int(words[1])!))
                #expect(answer.json["secured_at"] as? String == time.string)
            case "K": #expect(answer.problem == "idempotency-key-reused")
            case "L":
                #expect(answer.problem == "purchase-limit")
                let orders = (answer.json["orders"] as? [String] ?? []).map { $0.dropFirst("demo-".count) }
                #expect(orders.joined(separator: ",") == said.details[0])
            default:
                #expect(said.codes == "O")
                #expect(answer.problem == "sold-out")
            }
        }
        #expect(codes == ["R", "K", "L", "O"])
        #expect(try hits(api) > before)
    }

    @Test func `is still answered while Redis is down, and until it has been reconciled`() throws {
        let api = try APIUnderTest()
        try soldOut(api)
        let won = try api.buy("demo", "w1", "k1")
        api.redis.crash()
        #expect(try eventually { try api.ask("GET", "/readyz").status == 503 })
        func expectAnswers() throws {
            #expect(try api.buy("demo", "loser", "k2").problem == "sold-out")
            #expect(try api.buy("demo", "w1", "k1").body == won.body)
            #expect(try api.buy("demo", "w1", "k1", quantity: 2).problem == "idempotency-key-reused")
            #expect(try api.buy("demo", "w2", "k2").problem == "purchase-limit")
        }
        try expectAnswers()
        let page = try api.ask("GET", "/v1/sales/demo")
        #expect(page.status == 200)
        #expect(page.json["state"] as? String == "sold_out")
        // Nothing is known of other sales.
        #expect(try api.buy("other", "w1", "k1").status == 503)

        try api.redis.restart()
        #expect(try api.awaitReady())
        try expectAnswers()
        let redis = try api.redis.connect()
        let status = try #require(try redis.status(Self.sale))
        #expect(try redis.stamp(status))
        try expectAnswers()
    }

    @Test func `is not forgotten when Redis has lost it`() throws {
        let api = try APIUnderTest()
        try soldOut(api)
        let won = try api.buy("demo", "w1", "k1")
        let redis = try api.redis.connect()
        try redis.command(["FLUSHALL"])
        // Redis now says that there is no such sale, which must not reach a winner. 503 denies nothing: it is the first
        // answer after a second in which nobody has pressed.
        let before = try redis.calls("evalsha")
        for _ in 0..<5 {
            let asked = try eventually {
                let answer = try api.buy("demo", "w1", "k1")
                guard answer.body == won.body || answer.status == 503 else {
                    throw RedisError(.unexpectedReply, "buy", "denied")
                }
                return try answer.body == won.body && redis.calls("evalsha") > before
            }
            #expect(asked)
        }
        let isRefused = try eventually {
            let answer = try api.buy("demo", "loser", "k2")
            guard answer.problem == "sold-out" || answer.status == 503 else {
                throw RedisError(.unexpectedReply, "buy", "\(answer)")
            }
            return answer.problem == "sold-out"
        }
        #expect(isRefused)
    }

    @Test func `has a witness in a process that only repeats wins that others decided`() throws {
        let api = try APIUnderTest()
        let redis = try api.redis.connect()
        try TestSale.create(redis, stock: 3)
        let sold = try TestSale.purchase(redis, Self.sale, (1...3).map { .init(buyer: "w\($0)", key: "k1") })
        #expect(sold.codes == "SSS")
        try awaitHeld(api)
        #expect(
            try eventually {
                let reply = try redis.command(["HVALS", "\(SaleKeys(Self.sale).witnesses)"])
                return reply.strings.first?.hasSuffix(" 3 0") == true
            })
    }

    @Test func `is on sale again after a restock`() throws {
        let api = try APIUnderTest()
        try soldOut(api)
        let redis = try api.redis.connect()
        _ = try redis.restock(Self.sale, units: 1)
        #expect(try eventually { try api.buy("demo", "w6", "k1").status == 201 })
        try awaitHeld(api)
        #expect(try api.buy("demo", "w6", "k1").json["position"] as? Int == 6)
        #expect(try api.buy("demo", "loser", "k1").problem == "sold-out")
    }

    @Test func `has units again that other processes sell while nobody presses here, also when Redis is gone then`()
        throws
    {
        let api = try APIUnderTest()
        try soldOut(api)
        let redis = try api.redis.connect()
        _ = try redis.restock(Self.sale, units: 1)
        #expect(try TestSale.purchase(redis, Self.sale, [.init(buyer: "w6", key: "k1")]).codes == "S")
        #expect(eventually { api.process.errors.contains(#""event":"sale_held","sale":"demo","position":6"#) })
        api.redis.crash()
        #expect(try eventually { try api.ask("GET", "/readyz").status == 503 })
        #expect(try api.buy("demo", "w6", "k1").json["position"] as? Int == 6, "a winner is refused")
        #expect(try api.buy("demo", "loser", "k1").problem == "sold-out")
    }

    @Test func `is read again under a new epoch`() throws {
        let api = try APIUnderTest()
        try soldOut(api)
        let redis = try api.redis.connect()
        try redis.command(["HSET", "sale:{demo}:buyers", "w1", "k1 1 1 1700000000000 2"])
        try redis.command(["HSET", "sale:{demo}", "epoch", "2"])
        #expect(
            try eventually {
                try api.buy("demo", "w1", "k1").json["secured_at"] as? String == "2023-11-14T22:13:20.000Z"
            })
        try awaitHeld(api)
    }

    @Test func `is left to Redis again when it has ended`() throws {
        let api = try APIUnderTest()
        try soldOut(api)
        let redis = try api.redis.connect()
        try redis.command(["HSET", "sale:{demo}", "closes_at", "1"])
        #expect(try eventually { try api.buy("demo", "loser", "k1").problem == "sale-ended" })
        let before = try hits(api)
        #expect(try api.buy("demo", "w1", "k1").status == 200)
        #expect(try hits(api) == before)
    }

    @Test func `is left to Redis if a position has no winner`() throws {
        let api = try APIUnderTest()
        let redis = try api.redis.connect()
        try TestSale.create(redis, stock: 3)
        for index in 1...2 { #expect(try api.buy("demo", "w\(index)", "k1").status == 201) }
        try redis.command(["HDEL", "sale:{demo}:buyers", "w1"])
        #expect(try api.buy("demo", "w3", "k1").status == 201)
        let wasRefused = try eventually {
            _ = try api.buy("demo", "loser", "k1")
            return api.process.errors.contains("\"sale_not_held\"")
        }
        #expect(wasRefused)
        #expect(api.process.errors.contains("a position has no winner"))
        for _ in 0..<50 { #expect(try api.buy("demo", "loser", "k1").problem == "sold-out") }
        #expect(try api.metric("sale_edge_cache_sales") == 0)
        #expect(try hits(api) == 0)
    }

    @Test func `is left to Redis with SALE_EDGE_CACHE=off`() throws {
        let api = try APIUnderTest(["SALE_EDGE_CACHE": "off"])
        try TestSale.create(try api.redis.connect(), stock: 1)
        #expect(try api.buy("demo", "w1", "k1").status == 201)
        for _ in 0..<20 { #expect(try api.buy("demo", "loser", "k1").problem == "sold-out") }
        #expect(try hits(api) == 0)
    }
}

extension BlockingRedis {
    /// The number of calls of a command.
    func calls(_ command: String) throws -> Int {
        let reply = try self.command(["INFO", "commandstats"])
        let line = (reply.string ?? "").split(separator: "\r\n").first { $0.hasPrefix("cmdstat_\(command):calls=") }
        return line.flatMap { Int($0.split(separator: "=")[1].prefix { $0.isNumber }) } ?? 0
    }
}
