import RedisClient
import Shared
import TestSupport
import Testing

@testable import SaleAPI

@Suite struct `An overloaded process` {
    @Test func `refuses at once what it could not decide in time, and decides what it has taken`() throws {
        // A batch of one, so that each purchase that waits is a turn to wait for. Half of this deadline is the longest wait.
        let api = try APIUnderTest(["SALE_BATCH_MAX": "1", "SALE_DEADLINE_MS": "1700"])
        let redis = try api.redis.connect()
        try TestSale.create(redis)

        // A turn has taken longer than anybody may wait, and not so long that Redis counts as gone.
        try redis.command(["CLIENT", "PAUSE", "920", "ALL"])
        #expect(try api.buy("demo", "slow", "k1").status == 201)

        api.redis.pause()
        let inFlight = try api.startBuying("demo", "b1", "k1")
        #expect(try eventually { try api.metric("sale_purchases_waiting") == 1 })
        let next = try api.startBuying("demo", "b2", "k1")
        #expect(try eventually { try api.metric("sale_purchases_waiting") == 2 })
        // Redis says nothing, so this answer needed none of its time.
        let shed = try api.buy("demo", "b3", "k1")
        #expect(shed.status == 503)
        #expect(shed.problem == "overloaded")
        expectProblem(shed)
        #expect(try api.metric("sale_shed_total") == 1)
        api.redis.resume()
        #expect(try inFlight.answer().status == 201)
        #expect(try next.answer().status == 201)
        #expect(try api.buy("demo", "b3", "k1").status == 201)
    }

    @Test func `tells each buyer its own time to come back, always the same, spread evenly over all`() {
        var told = [Int](repeating: 0, count: 4)
        for number in 0..<10_000 {
            let seconds = "buyer-\(number)".withBytes { RetryAfter.seconds(base: 1, spread: 3, buyer: $0) }
            told[seconds - 1] += 1
            #expect("buyer-\(number)".withBytes { RetryAfter.seconds(base: 1, spread: 3, buyer: $0) } == seconds)
        }
        // A fair die is within four standard deviations (43 each) of 2,500.
        for count in told { #expect(abs(count - 2500) < 173) }
    }

    @Test func `forgets one slow turn, and learns of a disk that has become slow`() {
        var turn = TurnTime()
        turn.observe(nanoseconds: 1_000_000)
        #expect(turn.nanoseconds == 1_000_000)
        turn.observe(nanoseconds: 401_000_000)
        #expect(turn.nanoseconds == 101_000_000)
        for _ in 0..<20 { turn.observe(nanoseconds: 1_000_000) }
        #expect(turn.nanoseconds < 2_000_000)
        for _ in 0..<4 { turn.observe(nanoseconds: 400_000_000) }
        #expect(turn.nanoseconds > 250_000_000)
    }
}
