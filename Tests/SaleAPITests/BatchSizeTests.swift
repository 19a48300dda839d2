import Foundation
import RedisClient
import Shared
import TestSupport
import Testing

/// A batch makes decisions cheaper, and nothing else.
@Suite struct `A batch of any size` {
    private struct Purchase {
        var buyer: String
        var key: String
        var quantity: Int?
    }

    /// An answer without times, traces and random words.
    private struct Outcome: Equatable {
        var status: Int
        var problem: String?
        var order: String?
        var quantity: Int?

        init(_ answer: HTTPAnswer) {
            status = answer.status
            problem = answer.problem
            order = answer.json["order"] as? String
            quantity = answer.json["quantity"] as? Int
        }
    }

    /// Seven units are sold in every ten purchases: when only one is left, a buyer asks for two.
    private static let stock = 251
    /// More than the largest batch takes, with every kind of outcome: an order, a repeated key, a repeated key with
    /// another quantity, more than the limit, more than are left, and sold out.
    private static let purchases: [Purchase] = (0..<600).map { number in
        switch number % 10 {
        case 3: Purchase(buyer: "b\(number - 1)", key: "k")
        case 5: Purchase(buyer: "b\(number - 1)", key: "k", quantity: 2)
        case 7: Purchase(buyer: "b\(number - 1)", key: "another", quantity: 2)
        case 8: Purchase(buyer: "b\(number)", key: "k", quantity: 3)
        case 9: Purchase(buyer: "b\(number)", key: "k", quantity: 2)
        default: Purchase(buyer: "b\(number)", key: "k")
        }
    }

    private func api(batchMax: Int) throws -> APIUnderTest {
        // From memory it would not have to ask Redis. One purchase per call is slow, and may take its time here.
        let api = try APIUnderTest([
            "SALE_BATCH_MAX": "\(batchMax)", "SALE_EDGE_CACHE": "off", "SALE_DEADLINE_MS": "20000",
        ])
        _ = try TestSale.create(try api.redis.connect(), stock: Self.stock, maxPerBuyer: 2)
        return api
    }

    /// Buyers in order of their orders on the stream.
    private func winners(_ api: APIUnderTest) throws -> [String?] {
        try TestSale.orderEvents(try api.redis.connect(), SaleID("demo")!).map { $0["buyer"] }
    }

    @Test(arguments: [1, 8, 32, 128, 512])
    func `decides as if each purchase had come alone, in order of arrival`(batchMax: Int) throws {
        let alone = try api(batchMax: 1)
        let expected = try Self.purchases.map {
            Outcome(try alone.buy("demo", $0.buyer, $0.key, quantity: $0.quantity))
        }
        let kinds = Set(expected.map { $0.problem ?? "\($0.status)" })
        #expect(
            kinds == [
                "201", "200", "idempotency-key-reused", "purchase-limit", "insufficient-stock", "sold-out",
            ])

        let api = try api(batchMax: batchMax)
        let clients = try Self.purchases.map { _ in try api.connect() }
        #expect(try eventually { try api.metric("sale_http_connections") ?? 0 > clients.count })
        // All of them arrive, in order, before the process looks, so its batches are full.
        api.process.signal(SIGSTOP)
        for (client, purchase) in zip(clients, Self.purchases) {
            try client.send(
                "POST", "/v1/sales/demo/purchases",
                headers: api.headers(purchase.buyer, purchase.key, quantity: purchase.quantity),
                body: api.body(purchase.quantity))
        }
        api.process.signal(SIGCONT)
        let outcomes = try clients.map { Outcome(try $0.answer()) }

        #expect(outcomes == expected)
        #expect(try winners(api) == winners(alone))
        // Full batches, except where a pass of the loop has split one.
        let least = (clients.count + batchMax - 1) / batchMax
        let calls = try #require(try api.metric("sale_batches_total"))
        #expect((least...least + 2).contains(calls))
    }
}
