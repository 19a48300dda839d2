import Testing

@testable import SaleAPI

@Suite struct `Knowledge of a sold-out sale` {
    @Test(
        arguments: [
            // While Redis answers, for a second.
            (Freshness(age: 0, quietFor: 0, isReady: true, readyFor: 60_000, unservedFor: nil), .everything),
            (Freshness(age: 1000, quietFor: 0, isReady: true, readyFor: 60_000, unservedFor: nil), .everything),
            (Freshness(age: 1001, quietFor: 0, isReady: true, readyFor: 60_000, unservedFor: nil), .nothing),
            (Freshness(age: 0, quietFor: 1001, isReady: true, readyFor: 60_000, unservedFor: nil), .nothing),
            (Freshness(age: 0, quietFor: 60_000, isReady: true, readyFor: 60_000, unservedFor: 1000), .everything),
            (Freshness(age: 0, quietFor: 60_000, isReady: false, readyFor: 60_000, unservedFor: nil), .everything),
            // While Redis does not answer, for five minutes, and a win permanently.
            (Freshness(age: 300_000, quietFor: 0, isReady: false, readyFor: 60_000, unservedFor: nil), .everything),
            (Freshness(age: 300_001, quietFor: 0, isReady: false, readyFor: 60_000, unservedFor: nil), .wins),
            // While Redis must not sell yet, the same, as long as it keeps saying so.
            (Freshness(age: 5000, quietFor: 0, isReady: true, readyFor: 60_000, unservedFor: 1000), .everything),
            (Freshness(age: 5000, quietFor: 0, isReady: true, readyFor: 60_000, unservedFor: 1001), .nothing),
            (Freshness(age: 300_001, quietFor: 0, isReady: true, readyFor: 60_000, unservedFor: 0), .wins),
            // Redis is just back and has not answered yet.
            (Freshness(age: 5000, quietFor: 0, isReady: true, readyFor: 1000, unservedFor: nil), .everything),
            (Freshness(age: 5000, quietFor: 0, isReady: true, readyFor: 1001, unservedFor: nil), .nothing),
        ] as [(Freshness, Freshness.Use)])
    func `is usable by its age and the state of Redis`(_ freshness: Freshness, _ use: Freshness.Use) {
        #expect(freshness.use == use)
    }
}
