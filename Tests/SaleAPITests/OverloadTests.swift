import EventLoop
import RedisClient
import Shared
import TestSupport
import Testing

@testable import SaleAPI

@Suite struct `An overloaded process` {
    @Test func `refuses at once what it could not decide in time, and decides what it has taken`() throws {
        // Half of this deadline is the longest wait for a turn.
        let api = try APIUnderTest(["SALE_DEADLINE_MS": "1000"])
        let redis = try api.redis.connect()
        try TestSale.create(redis)

        // The first turn has taken longer than that, though not so long that Redis counts as gone.
        try redis.command(["CLIENT", "PAUSE", "600", "ALL"])
        #expect(try api.buy("demo", "slow", "k1").status == 201)

        api.redis.pause()
        let taken = try api.startBuying("demo", "b1", "k1")
        #expect(try eventually { try api.metric("sale_purchases_waiting") == 1 })
        // Redis says nothing, so this answer needed none of its time.
        let shed = try api.buy("demo", "b2", "k1")
        #expect(shed.status == 503)
        #expect(shed.problem == "overloaded")
        expectProblem(shed)
        #expect(try api.metric("sale_shed_total") == 1)
        api.redis.resume()
        // By its deadline at the latest; a slow machine may have needed all of that.
        #expect(try [201, 202].contains(taken.answer().status))
        #expect(try eventually { try api.buy("demo", "b2", "k1").status == 201 })
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

    @Test func `does not mind two slow turns, and learns of a disk that has become slow`() {
        var turn = RoundTripEstimate()
        turn.observe(nanoseconds: 400_000_000)
        #expect(turn.nanoseconds == 400_000_000)
        for _ in 0..<5 { turn.observe(nanoseconds: 1_000_000) }
        #expect(turn.nanoseconds == 1_000_000)
        for _ in 0..<2 { turn.observe(nanoseconds: 400_000_000) }
        #expect(turn.nanoseconds == 1_000_000)
        turn.observe(nanoseconds: 400_000_000)
        #expect(turn.nanoseconds == 400_000_000)
    }

    @Test func `waits for the batches in front, the one with Redis included`() {
        let lane = Lane(SaleID("demo")!, gathering: PurchaseBatch())
        lane.begin(PurchaseBatch(), at: Instant(nanoseconds: 1000))
        lane.recordRoundTrip(until: Instant(nanoseconds: 5000))
        #expect(lane.expectedWaitNanoseconds == 4000)
        for _ in 0..<2 { lane.gather(next: PurchaseBatch()) }
        #expect(lane.expectedWaitNanoseconds == 12_000)
        _ = lane.takeAll(next: PurchaseBatch())
        _ = lane.end()
        #expect(lane.expectedWaitNanoseconds == 0)
    }
}
