import Testing

@testable import SaleAPI

@Suite struct `The estimate of a round trip` {
    @Test func `ignores two slow round trips, and notices a disk that has become slow`() {
        var estimate = RoundTripEstimate()
        estimate.record(nanoseconds: 400_000_000)
        #expect(estimate.nanoseconds == 400_000_000)
        for _ in 0..<5 { estimate.record(nanoseconds: 1_000_000) }
        #expect(estimate.nanoseconds == 1_000_000)
        for _ in 0..<2 { estimate.record(nanoseconds: 400_000_000) }
        #expect(estimate.nanoseconds == 1_000_000)
        estimate.record(nanoseconds: 400_000_000)
        #expect(estimate.nanoseconds == 400_000_000)
    }
}
