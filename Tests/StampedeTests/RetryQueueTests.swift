import EventLoop
import TestSupport
import Testing

@testable import Stampede

@Suite struct `Buyers who come back` {
    @Test func `do so in order of their times`() {
        var random = SeededRandom()
        var queue = RetryQueue()
        let times = (0..<500).map { _ in UInt64.random(in: 1...1000, using: &random) }
        for (buyer, time) in times.enumerated() { queue.insert(buyer, due: Instant(nanoseconds: time)) }
        #expect(queue.popDue(Instant(nanoseconds: (times.min() ?? 1) &- 1)) == nil)
        var popped: [UInt64] = []
        while let (buyer, due) = queue.popDue(Instant(nanoseconds: 1000)) {
            #expect(due.nanoseconds == times[buyer])
            popped.append(times[buyer])
        }
        #expect(popped == times.sorted(), "seed \(random.seed)")
    }
}
