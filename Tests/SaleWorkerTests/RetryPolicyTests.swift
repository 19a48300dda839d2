import EventLoop
import OrderStore
import RedisClient
import Testing

@testable import SaleWorker

@Suite struct `The retry policy` {
    private let redisAway = RedisError(.cannotConnect, "connect", "refused")
    private let diskFull = StoreError(code: 13, operation: "COMMIT", message: "database or disk is full")
    private let start = Instant(nanoseconds: 0)

    @Test func `waits at random up to 50 ms, then doubling, and never longer than a second`() {
        var random = SystemRandomNumberGenerator()
        var policy = RetryPolicy()
        let ceilings = [50, 100, 200, 400, 800, 1000, 1000, 1000]
        for ceiling in ceilings {
            let wait = policy.failed(diskFull, now: start, using: &random).waitMilliseconds
            #expect((1...ceiling).contains(wait))
        }
        _ = policy.succeeded()
        #expect((1...50).contains(policy.failed(diskFull, now: start, using: &random).waitMilliseconds))
    }

    @Test func `reports each trouble of an outage once, and once that it ends`() {
        var random = SystemRandomNumberGenerator()
        var policy = RetryPolicy()
        func event(_ error: any Error) -> String? {
            policy.failed(error, now: start.advanced(milliseconds: 7), using: &random).event?.description
        }
        #expect(event(StoreError(code: 5, operation: "BEGIN", message: "database is locked")) == "store_failed")
        #expect(event(diskFull) == "store_failed")
        #expect(event(redisAway) == "redis_failed")
        #expect(event(redisAway) == nil)
        #expect(event(RedisError(.unconfirmed, "WAIT", "0 of 1 replicas acknowledge")) == "redis_failed")
        #expect(event(redisAway) == nil)
        #expect(event(diskFull) == nil)
        let outage = policy.succeeded()
        #expect(outage?.failures == 7)
        #expect(outage?.since == start.advanced(milliseconds: 7))
        #expect(policy.succeeded() == nil)
        #expect(event(diskFull) == "store_failed")
    }

    @Test(arguments: [
        (5, false), (6, false), (7, false), (8, false), (10, false), (11, false), (13, false), (14, false),
        (26, false), (1, false), (21, false), (0, false), (0x10A, false), (18, true), (19, true), (20, true),
        (25, true), (0x813, true),
    ])
    func `blames an entry only for a row's own error`(_ code: Int32, _ concernsRow: Bool) {
        #expect(StoreError(code: code, operation: "", message: "").concernsRow == concernsRow)
    }
}

@Suite struct `The suspicion` {
    @Test func `falls on entries that were delivered five times, and keeps the order`() {
        let parts = Suspicion.parts(
            ["1-0", "2-0", "3-0", "4-0", "5-0"], deliveries: ["1-0": 4, "2-0": 1, "3-0": 5, "5-0": 9], survived: [])
        #expect(parts == [.together(0..<2), .alone(2, deliveries: 5), .together(3..<4), .alone(4, deliveries: 9)])
    }

    @Test func `does not fall on entries that this worker failed to store and survived`() {
        let parts = Suspicion.parts(["1-0", "2-0"], deliveries: ["1-0": 600, "2-0": 600], survived: ["1-0", "2-0"])
        #expect(parts == [.together(0..<2)])
        #expect(Suspicion.parts([], deliveries: [:], survived: []).isEmpty)
    }
}
