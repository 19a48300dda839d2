import Foundation
import RedisClient
import Shared
import TestSupport
import Testing

@Suite struct `A buyer's orders` {
    @Test func `are listed for that buyer and nobody else`() throws {
        let api = try APIUnderTest()
        _ = try TestSale.create(try api.redis.connect(), maxPerBuyer: 3)
        let first = try api.buy("demo", "b1", "k1", quantity: 2)
        _ = try api.buy("demo", "b2", "k1")
        let second = try api.buy("demo", "b1", "k2")
        let answer = try api.ask("GET", "/v1/sales/demo/purchases", [api.bearer("b1")])
        #expect(answer.status == 200)
        #expect(answer["Cache-Control"] == "private, no-store")
        let orders = try #require(answer.json["orders"] as? [[String: Any]])
        #expect(orders.count == 2)
        for (order, won) in zip(orders, [first, second]) {
            #expect(Set(order.keys) == Set(won.json.keys).union(["persisted"]))
            for member in ["status", "sale", "order", "secured_at"] {
                #expect(order[member] as? String == won.json[member] as? String)
            }
            #expect(order["position"] as? Int == won.json["position"] as? Int)
            #expect(order["quantity"] as? Int == won.json["quantity"] as? Int)
            #expect(order["persisted"] as? Bool == false)
        }
        #expect(
            (try api.ask("GET", "/v1/sales/demo/purchases", [api.bearer("b3")]).json["orders"] as? [Any])?.count == 0)
    }

    @Test func `is found one by one, and somebody else's order is not there`() throws {
        let api = try APIUnderTest()
        _ = try TestSale.create(try api.redis.connect())
        let won = try api.buy("demo", "b1", "k1")
        let address = try #require(won["Location"])
        let mine = try api.ask("GET", address, [api.bearer("b1")])
        #expect(mine.status == 200)
        #expect(mine["Cache-Control"] == "private, no-store")
        #expect(mine.json["order"] as? String == "demo-1")
        for (target, buyer) in [(address, "b2"), ("/v1/sales/demo/orders/demo-2", "b1")] {
            let answer = try api.ask("GET", target, [api.bearer(buyer)])
            #expect(answer.status == 404)
            #expect(answer.problem == "not-found")
            expectProblem(answer)
        }
    }

    @Test func `are persisted up to the position that the worker has reached`() throws {
        let api = try APIUnderTest()
        let redis = try api.redis.connect()
        let sale = try TestSale.create(redis, maxPerBuyer: 2)
        for key in ["k1", "k2"] { #expect(try api.buy("demo", "b1", key).status == 201) }
        try redis.command(["HSET", "\(SaleKeys(sale).sale)", "persisted_position", "1"])
        let answer = try api.ask("GET", "/v1/sales/demo/purchases", [api.bearer("b1")])
        let orders = answer.json["orders"] as? [[String: Any]]
        #expect(orders?.compactMap { $0["persisted"] as? Bool } == [true, false])
    }

    @Test(arguments: ["purchases", "orders/demo-2"])
    func `have a witness in the process that shows them, whoever decided them`(_ path: String) throws {
        let api = try APIUnderTest()
        let redis = try api.redis.connect()
        let sale = try TestSale.create(redis)
        let sold = try TestSale.purchase(redis, sale, ["b1", "b2", "b3"].map { .init(buyer: $0, key: "k1") })
        #expect(sold.codes == "SSS")
        #expect(try api.ask("GET", "/v1/sales/demo/\(path)", [api.bearer("b2")]).status == 200)
        #expect(try eventually { try witnessed(redis, sale).hasSuffix(" 2 7") })
    }

    @Test func `have a witness in the process that names them as all that a buyer may have`() throws {
        let api = try APIUnderTest()
        let redis = try api.redis.connect()
        let sale = try TestSale.create(redis, maxPerBuyer: 2)
        let sold = try TestSale.purchase(
            redis, sale,
            ["b1", "b2", "b2", "b3"].enumerated().map {
                .init(buyer: $1, key: "k\($0)")
            })
        #expect(sold.codes == "SSSS")
        #expect(try api.buy("demo", "b2", "another").json["orders"] as? [String] == ["demo-2", "demo-3"])
        #expect(try eventually { try witnessed(redis, sale).hasSuffix(" 3 6") })
    }

    /// What the process says of the highest win that it has shown.
    private func witnessed(_ redis: BlockingRedis, _ sale: SaleID) throws -> String {
        let reply = try redis.command(["HVALS", "\(SaleKeys(sale).witnesses)"])
        return reply.strings.first ?? ""
    }

    @Test func `in an unknown sale are 404`() throws {
        let api = try APIUnderTest()
        for target in ["/v1/sales/nosuch/purchases", "/v1/sales/nosuch/orders/nosuch-1"] {
            let answer = try api.ask("GET", target, [api.bearer("b1")])
            #expect(answer.status == 404)
            expectProblem(answer)
        }
    }
}
