import RedisClient
import TestSupport
import Testing

@Suite struct `An overloaded process` {
    @Test func `refuses at once what it could not decide in time, and decides what it has taken`() throws {
        // Half of this deadline is the longest wait for a batch to be sent.
        let api = try APIUnderTest(["SALE_DEADLINE_MS": "1000"])
        let redis = try api.redis.connect()
        try TestSale.create(redis, stock: 1000)

        var (round, sheds, taken, shed) = (0, 0, 0, try api.ask("GET", "/readyz"))
        // Again if a process stood still: then the round trip was shorter than meant, or Redis counts as lost.
        let isShed = try eventually {
            round += 1
            #expect(try api.awaitReady())
            #expect(try eventually { try api.metric("sale_purchases_waiting") == 0 })
            sheds = try #require(try api.metric("sale_shed_total"))
            // A round trip takes longer than that, but not so long that Redis counts as lost.
            try redis.command(["CLIENT", "PAUSE", "600", "ALL"])
            _ = try api.buy("demo", "slow-\(round)", "k1")
            defer { api.redis.resume() }
            let client = try api.pausingRedis { try api.startBuying("demo", "taken-\(round)", "k1") }
            let isTaken = try eventually {
                try api.metric("sale_purchases_waiting") == 1 || api.metric("sale_redis_ready") == 0
            }
            // Redis is silent, so this refusal does not wait for it.
            shed = try api.buy("demo", "shed-\(round)", "k1")
            api.redis.resume()
            taken = try client.answer().status
            return isTaken && shed.problem == "overloaded"
        }
        #expect(isShed)
        #expect(shed.status == 503)
        expectProblem(shed)
        #expect(try api.metric("sale_shed_total") == sheds + 1)
        // Decided by the deadline, or pending then on a slow machine.
        #expect([200, 201, 202].contains(taken))
        #expect(try eventually { try [200, 201].contains(api.buy("demo", "shed-\(round)", "k1").status) })
    }
}
