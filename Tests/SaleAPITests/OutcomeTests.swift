import Foundation
import RedisClient
import Shared
import TestSupport
import Testing

/// The outcomes of a purchase, each with its status, headers and members.
@Suite struct `A purchase` {
    @Test func `that wins is 201, with the order and its location`() throws {
        let api = try APIUnderTest()
        _ = try TestSale.create(try api.redis.connect(), "drop-1", maxPerBuyer: 5)
        let before = UnixMilliseconds.now
        let answer = try api.buy("drop-1", "b1", "k1", quantity: 2)
        #expect(answer.status == 201)
        #expect(answer["Content-Type"] == "application/json")
        #expect(answer["Location"] == "/v1/sales/drop-1/orders/drop-1-1")
        #expect(answer["Idempotent-Replayed"] == nil)
        #expect(answer["Retry-After"] == nil)
        let json = answer.json
        #expect(Set(json.keys) == ["status", "sale", "order", "position", "quantity", "secured_at"])
        #expect(json["status"] as? String == "secured")
        #expect(json["sale"] as? String == "drop-1")
        #expect(json["order"] as? String == "drop-1-1")
        #expect(json["position"] as? Int == 1)
        #expect(json["quantity"] as? Int == 2)
        let at = try #require(UnixMilliseconds(rfc3339: json["secured_at"] as? String ?? ""))
        #expect(at >= before && at <= .now)
        #expect(try api.buy("drop-1", "b2", "k1").json["position"] as? Int == 2)
    }

    @Test func `that won is answered alike for ever`() throws {
        let api = try APIUnderTest()
        let redis = try api.redis.connect()
        let sale = try TestSale.create(redis, stock: 2, maxPerBuyer: 2)
        let won = try api.buy("demo", "b1", "k1")
        #expect(won.status == 201)

        func expectReplay(_ when: String) throws {
            let again = try api.buy("demo", "b1", "k1")
            #expect(again.status == 200, "\(when)")
            #expect(again["Idempotent-Replayed"] == "true", "\(when)")
            #expect(again["Location"] == won["Location"], "\(when)")
            #expect(again.body == won.body, "\(when)")
            let other = try api.buy("demo", "b1", "k1", quantity: 2)
            #expect(other.status == 422, "\(when)")
            #expect(other.problem == "idempotency-key-reused", "\(when)")
            expectProblem(other)
        }

        try expectReplay("while it sells")
        #expect(try api.buy("demo", "b1", "k1", quantity: 1).status == 200, "1 is what an empty body asks for")
        _ = try redis.control(sale, .pause)
        try expectReplay("while it is paused")
        _ = try redis.control(sale, .resume)
        #expect(try api.buy("demo", "b2", "k1").status == 201)
        try expectReplay("after it sold out")
        _ = try redis.control(sale, .close)
        try expectReplay("after it ended")
        try api.restart()
        try expectReplay("from an API that has seen nothing")
    }

    @Test func `of the same key by another buyer is another purchase`() throws {
        let api = try APIUnderTest()
        _ = try TestSale.create(try api.redis.connect())
        #expect(try api.buy("demo", "b1", "same").json["position"] as? Int == 1)
        #expect(try api.buy("demo", "b2", "same").json["position"] as? Int == 2)
    }

    @Test func `that was refused is judged again with the same key`() throws {
        let api = try APIUnderTest()
        let redis = try api.redis.connect()
        let opens = UnixMilliseconds(UnixMilliseconds.now.value + 3_600_000)
        let sale = try TestSale.create(redis, opensAt: opens)
        let early = try api.buy("demo", "b1", "k1")
        #expect(early.status == 409)
        #expect(early.problem == "sale-not-open")
        #expect(early.json["opens_at"] as? String == opens.rfc3339)
        let retry = try #require(early["Retry-After"].flatMap { Int($0) })
        #expect((3590...3600).contains(retry))
        expectProblem(early)

        let key = RedisArgument(SaleKeys(sale).sale)
        let soon = UnixMilliseconds.now.value + 300
        try redis.command(["HSET", key, "opens_at", "\(soon)"])
        let isSecured = try eventually {
            let answer = try api.buy("demo", "b1", "k1")
            if answer.status == 409 { #expect(answer["Retry-After"] == "1", "a part of a second is rounded up") }
            return answer.status == 201
        }
        #expect(isSecured)
        #expect(UnixMilliseconds.now.value >= soon)
    }

    @Test func `of a sale that is sold out, or has too few units left, is 409`() throws {
        let api = try APIUnderTest()
        _ = try TestSale.create(try api.redis.connect(), stock: 3, maxPerBuyer: 5)
        #expect(try api.buy("demo", "b1", "k1", quantity: 2).status == 201)
        let insufficient = try api.buy("demo", "b2", "k1", quantity: 2)
        #expect(insufficient.status == 409)
        #expect(insufficient.problem == "insufficient-stock")
        #expect(insufficient.json["remaining"] as? Int == 1)
        #expect(insufficient["Retry-After"] == nil)
        expectProblem(insufficient)
        #expect(try api.buy("demo", "b2", "k1").status == 201)
        let soldOut = try api.buy("demo", "b3", "k1")
        #expect(soldOut.status == 409)
        #expect(soldOut.problem == "sold-out")
        #expect(soldOut["Retry-After"] == nil)
        expectProblem(soldOut)
    }

    @Test func `of a sale that is paused or over is 409, with Retry-After only for a pause`() throws {
        let api = try APIUnderTest()
        let redis = try api.redis.connect()
        let sale = try TestSale.create(redis)
        _ = try redis.control(sale, .pause)
        let paused = try api.buy("demo", "b1", "k1")
        #expect(paused.status == 409)
        #expect(paused.problem == "sale-paused")
        #expect(paused["Retry-After"] != nil)
        expectProblem(paused)
        _ = try redis.control(sale, .close)
        let ended = try api.buy("demo", "b1", "k1")
        #expect(ended.status == 409)
        #expect(ended.problem == "sale-ended")
        #expect(ended["Retry-After"] == nil)
        expectProblem(ended)
    }

    @Test func `over the buyer's limit is 409 and lists the orders`() throws {
        let api = try APIUnderTest()
        _ = try TestSale.create(try api.redis.connect(), maxPerBuyer: 2)
        let none = try api.buy("demo", "b1", "k0", quantity: 3)
        #expect(none.status == 409)
        #expect(none.problem == "purchase-limit")
        #expect(none.json["orders"] as? [String] == [])
        #expect(try api.buy("demo", "b1", "k1").status == 201)
        #expect(try api.buy("demo", "b1", "k2").status == 201)
        let over = try api.buy("demo", "b1", "k3")
        #expect(over.problem == "purchase-limit")
        #expect(over.json["orders"] as? [String] == ["demo-1", "demo-2"])
        expectProblem(over)
        #expect(try api.buy("demo", "b2", "k1").status == 201)
    }

    @Test func `of an unknown sale is 404`() throws {
        let api = try APIUnderTest()
        let answer = try api.buy("nosuch", "b1", "k1")
        #expect(answer.status == 404)
        #expect(answer.problem == "not-found")
        expectProblem(answer)
    }

    @Test func `carries its trace to the order's stream entry`() throws {
        let api = try APIUnderTest()
        let redis = try api.redis.connect()
        let sale = try TestSale.create(redis)
        let trace = "0af7651916cd43dd8448eb211c80319c"
        let answer = try api.ask(
            "POST", "/v1/sales/demo/purchases",
            api.headers("b1", "k1", quantity: nil) + [("traceparent", "00-\(trace)-b7ad6b7169203331-01")])
        #expect(answer["X-Request-Id"] == trace)
        let event = try #require(try TestSale.orderEvents(redis, sale).first)
        #expect(event["trace"] == trace)
        #expect(event["buyer"] == "b1")
        #expect(event["key"] == "k1")
        let own = try api.buy("demo", "b2", "k1")
        #expect(try TestSale.orderEvents(redis, sale).last?["trace"] == own["X-Request-Id"])
    }

    @Test func `among many at once gets its own answer, and every unit is sold once`() throws {
        let api = try APIUnderTest(["SALE_BATCH_MAX": "7"])
        _ = try TestSale.create(try api.redis.connect(), stock: 40)
        let clients = try (0..<100).map { try api.startBuying("demo", "b\($0)", "k") }
        let answers = try clients.map { try $0.answer() }
        let positions = answers.filter { $0.status == 201 }.compactMap { $0.json["position"] as? Int }
        #expect(positions.sorted() == Array(1...40))
        #expect(answers.filter { $0.problem == "sold-out" }.count == 60)
        #expect(try api.metric("sale_decisions_total{outcome=\"secured\"}") == 40)
        #expect(try api.metric("sale_decisions_total{outcome=\"sold_out\"}") == 60)
    }
}
