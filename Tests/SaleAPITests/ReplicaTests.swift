import Foundation
import RedisClient
import Shared
import TestSupport
import Testing

@Suite struct `With a replica that must have each decision` {
    private func start() throws -> (api: APIUnderTest, replica: RedisServer) {
        let api = try APIUnderTest(
            redisSettings: RedisServer.followed() + ["--min-replicas-to-write", "1"], ["SALE_REDIS_REPLICAS": "1"],
            ready: false)
        return (api, try api.redis.replica())
    }

    /// Buys as a client does: again with the same key, as long as the answer is not final. On a machine that stands
    /// still for a quarter of a second the replica is late.
    private func secures(_ api: APIUnderTest, _ buyer: String) throws -> Bool {
        try eventually { [200, 201].contains(try api.buy("demo", buyer, "key-1").status) }
    }

    @Test func `a win is answered only once the replica has it`() throws {
        let (api, replica) = try start()
        #expect(try api.awaitReady())
        try TestSale.create(api.redis.connect())
        #expect(try secures(api, "a"))
        let wins = try replica.connect().command(["HGET", "\(SaleKeys(SaleID("demo")!).buyers)", "a"])
        #expect(wins.string?.hasPrefix("key-1 1 1 ") == true, "\(wins.string ?? "nothing")")
    }

    @Test func `an unconfirmed purchase is pending, the next is refused at once, and the same key resolves it`() throws
    {
        let (api, replica) = try start()
        #expect(try api.awaitReady())
        try TestSale.create(api.redis.connect())
        #expect(try secures(api, "a"))
        var (round, buyer, pending) = (0, "", try api.ask("GET", "/livez"))
        // Again with another buyer if what the API asked by itself, or a replica that was late before, has shut the
        // gate first. Then nothing was done.
        let isDecided = try eventually {
            #expect(try api.awaitReady())
            round += 1
            buyer = "b\(round)"
            pending = try api.pausing(replica) { try api.startBuying("demo", buyer, "key-1") }.answer()
            if pending.status == 503 { replica.resume() }
            return pending.status != 503
        }
        #expect(isDecided)
        #expect(pending.status == 202)
        #expect(pending["retry-after"] == "1")
        // Another buyer, and the winner's replay: no answer depends on what the replica may lack.
        #expect(try api.buy("demo", "c", "key-1").status == 503)
        #expect(try api.buy("demo", "a", "key-1").status == 503)
        #expect(try api.ask("GET", "/readyz").body.contains("0 of 1 replicas acknowledge"))
        replica.resume()
        var resolved = pending
        #expect(
            try eventually {
                resolved = try api.buy("demo", buyer, "key-1")
                return resolved.status == 200
            })
        #expect(resolved.json["position"] as? Int == 2)
        #expect(try secures(api, "c"))
    }

    @Test func `a purchase that is turned away is refused even if the replica is silent: nothing was done`() throws {
        let (api, replica) = try start()
        #expect(try api.awaitReady())
        let redis = try api.redis.connect()
        let sale = try TestSale.create(redis)
        replica.pause()
        try redis.command(["HSET", "\(SaleKeys(sale).sale)", "serving_run_id", "another"])
        #expect(try api.buy("demo", "a", "key-1").status == 503)
        #expect(try api.ask("GET", "/readyz").body.contains("0 of 1 replicas acknowledge"))
        #expect(try api.metric("sale_pending_total") == 0)
        replica.resume()
    }

    @Test func `nobody whose win is unconfirmed is told from memory that the sale is sold out`() throws {
        // Again if the gate was shut before the purchase. With another API, as this one may have seen the restock.
        #expect(try eventually(isUnconfirmedAfterRestock))
    }

    private func isUnconfirmedAfterRestock() throws -> Bool {
        let (api, replica) = try start()
        #expect(try api.awaitReady())
        let redis = try api.redis.connect()
        let sale = try TestSale.create(redis, stock: 1)
        #expect(try secures(api, "a"))
        #expect(
            try eventually {
                _ = try api.buy("demo", "loser", "key-1")
                return try api.metric("sale_edge_cache_sales") == 1
            })
        // For a second, what is held is used without asking Redis. After that the next buyer is in a batch.
        Thread.sleep(forTimeInterval: 1.1)
        let pending = try api.pausing(replica) {
            _ = try redis.restock(sale, units: 1)
            return try api.startBuying("demo", "b", "key-1")
        }.answer()
        if pending.status == 503 { return false }
        #expect(pending.status == 202)
        #expect(try api.buy("demo", "b", "key-1").status == 503)
        #expect(try api.buy("demo", "loser", "key-1").problem == "sold-out")
        replica.resume()
        #expect(try eventually { try api.buy("demo", "b", "key-1").json["position"] as? Int == 2 })
        return true
    }

    @Test func `a buyer is shown no order that the replica may lack`() throws {
        let (api, replica) = try start()
        #expect(try api.awaitReady())
        let redis = try api.redis.connect()
        let sale = try TestSale.create(redis)
        replica.pause()
        // Another API process has decided, and it is not known yet whether that survives.
        _ = try TestSale.purchase(redis, sale, [.init(buyer: "a", key: "k")])
        #expect(try api.ask("GET", "/v1/sales/demo/orders/demo-1", [api.bearer("a")]).status == 503)
        replica.resume()
        #expect(
            try eventually { try api.ask("GET", "/v1/sales/demo/orders/demo-1", [api.bearer("a")]).status == 200 })
    }

    @Test func `the sale's page shows nothing that the replica may lack`() throws {
        let (api, replica) = try start()
        #expect(try api.awaitReady())
        let redis = try api.redis.connect()
        let sale = try TestSale.create(redis, stock: 1)
        let page = { try api.ask("GET", "/v1/sales/demo") }
        #expect(try eventually { try page().json["state"] as? String == "open" })
        replica.pause()
        // Another API process has sold the last unit, and it is not known yet whether that survives.
        #expect(try TestSale.purchase(redis, sale, [.init(buyer: "a", key: "k")]).codes == "S")
        #expect(try eventually { try page().json["state"] as? String != "open" })
        #expect(try page().status == 503)
        replica.resume()
        #expect(try eventually { try page().json["state"] as? String == "sold_out" })
    }

    @Test func `a primary without min-replicas-to-write is not sold from`() throws {
        let api = try APIUnderTest(["SALE_REDIS_REPLICAS": "1"], ready: false)
        #expect(try api.ask("GET", "/readyz").body.contains("min-replicas-to-write"))
    }
}
