import RedisClient
import TestSupport
import Testing

@Suite struct `An overloaded process` {
    @Test func `refuses at once what it could not decide in time, and decides what it has taken`() throws {
        // Half of this deadline is the longest wait for a batch to be sent.
        let api = try APIUnderTest(["SALE_DEADLINE_MS": "1000"])
        let redis = try api.redis.connect()
        try TestSale.create(redis)

        // The first round trip takes longer than that, but not so long that Redis counts as lost.
        try redis.command(["CLIENT", "PAUSE", "600", "ALL"])
        #expect(try api.buy("demo", "slow", "k1").status == 201)

        api.redis.pause()
        let taken = try api.startBuying("demo", "b1", "k1")
        #expect(try eventually { try api.metric("sale_purchases_waiting") == 1 })
        // Redis is silent, so this refusal did not wait for it.
        let shed = try api.buy("demo", "b2", "k1")
        #expect(shed.status == 503)
        #expect(shed.problem == "overloaded")
        expectProblem(shed)
        #expect(try api.metric("sale_shed_total") == 1)
        api.redis.resume()
        // Decided by the deadline, or pending then on a slow machine.
        #expect(try [201, 202].contains(taken.answer().status))
        #expect(try eventually { try api.buy("demo", "b2", "k1").status == 201 })
    }
}
