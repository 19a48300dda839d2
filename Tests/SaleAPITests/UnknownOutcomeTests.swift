import Foundation
import RedisClient
import Shared
import TestSupport
import Testing

/// Purchases that may or may not have been decided.
@Suite struct `A purchase without an answer from Redis` {
    private static let sale = SaleID("demo")!

    private func expectPending(_ answer: HTTPAnswer) {
        #expect(answer.status == 202)
        #expect(answer.body == "{\"status\":\"pending\"}")
        #expect(answer["Content-Type"] == "application/json")
        #expect(answer["Retry-After"] == "1")
        #expect(answer["Location"] == nil)
    }

    private func stock(_ redis: BlockingRedis) throws -> Int? { try redis.status(Self.sale)?.remaining }

    @Test func `is 202 at its deadline if it was sent, 503 if not, and its key resolves it`() throws {
        let api = try APIUnderTest(["SALE_DEADLINE_MS": "300"])
        let redis = try api.redis.connect()
        try TestSale.create(redis)
        let sent = try api.pausingRedis { try api.startBuying("demo", "b1", "k1") }
        #expect(try eventually { try api.metric("sale_batches_total") == 1 })
        let waiting = try api.startBuying("demo", "b2", "k1")
        expectPending(try sent.answer())
        let refused = try waiting.answer()
        #expect(refused.status == 503)
        expectProblem(refused)
        #expect(try api.metric("sale_unavailable_total") == 1)
        api.redis.resume()
        #expect(try eventually { try api.buy("demo", "b1", "k1").status == 200 })
        #expect(try api.buy("demo", "b1", "k1").json["position"] as? Int == 1)
        #expect(try stock(redis) == 9)
        #expect(try TestSale.orderEvents(redis, Self.sale).map { $0["buyer"] } == ["b1"])
    }

    @Test func `is sent again after a lost reply, and not sold twice`() throws {
        let api = try APIUnderTest(["SALE_DEADLINE_MS": "20000"], throughProxy: true)
        let redis = try api.redis.connect()
        try TestSale.create(redis)
        // The first call teaches Redis the script.
        #expect(try api.buy("demo", "b1", "k1").status == 201)
        for index in 2...5 {
            api.proxy!.loseNextReply()
            let answer = try api.buy("demo", "b\(index)", "k1")
            #expect(api.proxy!.lost == index - 1)
            // The first sending was decided; the answer is that to the second.
            #expect(answer.status == 200)
            #expect(answer.json["position"] as? Int == index)
            #expect(answer["Idempotent-Replayed"] == "true")
        }
        #expect(try stock(redis) == 5)
        #expect(try TestSale.orderEvents(redis, Self.sale).count == 5)
    }

    @Test func `stays pending while the sale is fenced, as it may have been decided before`() throws {
        let api = try APIUnderTest(["SALE_DEADLINE_MS": "1000"], throughProxy: true)
        let redis = try api.redis.connect()
        try TestSale.create(redis)
        // The first call teaches Redis the script.
        #expect(try api.buy("demo", "b0", "k1").status == 201)
        let lost = try api.pausingRedis { try api.startBuying("demo", "b1", "k1") }
        #expect(eventually { api.proxy!.hasForwarded("b1") })
        // On the same Redis the fence comes right after the purchase, whose reply is lost.
        let fence = try UnixRedis(api.redis.socket)
        try fence.send("HSET sale:{demo} serving_run_id another\r\n")
        api.proxy!.loseNextReply()
        api.redis.resume()
        expectPending(try lost.answer())
        #expect(try TestSale.orderEvents(redis, Self.sale).map { $0["buyer"] } == ["b0", "b1"])
        let fresh = try api.buy("demo", "b2", "k1")
        #expect(fresh.status == 503)
        try redis.command(["HSET", "sale:{demo}", "serving_run_id", "\(redis.facts.runID)"])
        #expect(try eventually { try api.buy("demo", "b1", "k1").status == 200 })
        #expect(try stock(redis) == 8)
    }

    @Test func `is decided once after Redis crashes and restarts`() throws {
        let api = try APIUnderTest(["SALE_DEADLINE_MS": "20000"])
        try TestSale.create(try api.redis.connect())
        #expect(try api.buy("demo", "b0", "k1").status == 201)
        let clients = try api.pausingRedis { try (1...20).map { try api.startBuying("demo", "b\($0)", "k1") } }
        #expect(try eventually { try api.metric("sale_batches_total")! >= 2 })
        api.redis.crash()
        try api.redis.restart()
        let redis = try api.redis.connect()
        let status = try #require(try redis.status(Self.sale))
        #expect(try redis.stamp(status))
        let answers = try clients.map { try $0.answer() }
        // Purchases sent before the crash are decided; the others were refused.
        for answer in answers { #expect([201, 409, 503].contains(answer.status)) }
        let won = answers.filter { $0.status == 201 }.compactMap { $0.json["position"] as? Int }
        let events = try TestSale.orderEvents(redis, Self.sale)
        #expect(won.sorted() == Array(2..<2 + won.count))
        #expect(events.count == 1 + won.count)
        #expect(try stock(redis) == 10 - events.count)
        #expect(won.count >= 1)
    }

    @Test func `leaves nothing behind, also of sales that were never there`() throws {
        let api = try APIUnderTest(["SALE_DEADLINE_MS": "300"])
        let names = (0..<20).map { "ghost-\($0)" }
        var clients = try api.pausingRedis { try names.map { try api.startBuying($0, "b1", "k1") } }
        #expect(try eventually { try api.metric("sale_batches_total") == 20 })
        clients += try names.map { try api.startBuying($0, "b2", "k1") }
        let statuses = try clients.map { try $0.answer().status }
        #expect(statuses == [Int](repeating: 202, count: 20) + [Int](repeating: 503, count: 20))
        api.redis.resume()
        #expect(try eventually { try api.metric("sale_purchases_waiting") == 0 })
        #expect(try eventually { try api.metric("sale_queues") == 0 })
        #expect(try eventually { try api.buy("ghost-1", "b1", "k1").status == 404 })
        #expect(try api.metric("sale_queues") == 0)
    }

    @Test func `never costs a real sale its place, however many names are made up`() throws {
        let api = try APIUnderTest(["SALE_DEADLINE_MS": "5000"])
        try TestSale.create(try api.redis.connect(), stock: 1000)
        #expect(try api.ask("GET", "/v1/sales/demo").status == 200)
        var round = 0
        var (ghosts, real): ([HTTPAnswer], HTTPAnswer?) = ([], nil)
        // Again if Redis counts as lost before it goes on.
        let isRight = try eventually {
            round += 1
            let (losses, sheds) = try (api.metric("sale_redis_losses_total"), api.metric("sale_shed_total")!)
            defer { api.redis.resume() }
            let (clients, client) = try api.pausingRedis {
                // One more than the unseen sales that may have purchases in flight.
                try (
                    (0...1024).map { try api.startBuying("ghost-\(round)-\($0)", "b1", "k1") },
                    api.startBuying("demo", "b\(round)", "k1")
                )
            }
            _ = try eventually {
                let isLost = try api.metric("sale_redis_losses_total") != losses
                return try isLost || api.metric("sale_queues") == 1025 && api.metric("sale_shed_total") == sheds + 1
            }
            api.redis.resume()
            (ghosts, real) = (try clients.map { try $0.answer() }, try client.answer())
            #expect(try api.awaitReady())
            return try api.metric("sale_redis_losses_total") == losses
        }
        #expect(isRight)
        #expect(real?.status == 201)
        #expect(ghosts.count { $0.status == 404 } == 1024)
        let shed = try #require(ghosts.first { $0.status == 503 })
        #expect(shed.problem == "overloaded")
        #expect((1...4).contains(Int(shed["Retry-After"] ?? "") ?? 0))
        expectProblem(shed)
        #expect(try eventually { try api.metric("sale_queues") == 1 })
    }
}

/// Sends Redis a command without waiting for the answer, which a stopped Redis does not give.
private final class UnixRedis {
    private let client: UnixHTTPClient

    init(_ path: String) throws { client = try UnixHTTPClient(path) }

    func send(_ inline: String) throws { try client.send(raw: inline) }
}
