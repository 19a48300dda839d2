import Shared
import Testing

@testable import SaleAPI

@Suite struct `Retry-After` {
    @Test func `is always the same for a buyer, and spread evenly over all`() {
        var counts = [Int](repeating: 0, count: 4)
        for number in 0..<10_000 {
            let seconds = "buyer-\(number)".withBytes { RetryAfter.seconds(base: 1, spread: 3, buyer: $0) }
            counts[seconds - 1] += 1
            #expect("buyer-\(number)".withBytes { RetryAfter.seconds(base: 1, spread: 3, buyer: $0) } == seconds)
        }
        // A fair die is within four standard deviations (43 each) of 2,500.
        for count in counts { #expect(abs(count - 2500) < 173) }
    }

    @Test(arguments: [(0, 1), (1, 1), (999, 1), (1000, 1), (1001, 2), (60_000, 60)])
    func `never ends before the turn`(_ away: Int, _ expected: Int) {
        for jitter in 0...3 {
            #expect(
                RetryAfter.seconds(until: UnixMilliseconds(5000 + away), now: UnixMilliseconds(5000), jitter: jitter)
                    == expected + jitter)
        }
    }
}
