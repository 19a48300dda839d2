import EventLoop
import TestSupport
import Testing

/// A clock that a test moves.
private final class Clock {
    var now = Instant.now
}

@Suite struct `A timer` {
    private let loop = try! EventLoop()

    @Test func `runs in order of time, and at one instant in the order of setting`() throws {
        var order: [Int] = []
        let past = Instant(nanoseconds: loop.now.nanoseconds - 1000)
        loop.schedule(at: past) { order.append(1) }
        loop.schedule(at: past) { order.append(2) }
        loop.schedule(at: Instant(nanoseconds: past.nanoseconds - 1)) { order.append(0) }
        loop.schedule(afterMilliseconds: 3_600_000) { order.append(99) }
        let cancelled = loop.schedule(at: past) { order.append(98) }
        loop.cancel(cancelled)
        try loop.pass(waitMilliseconds: 1000)
        #expect(order == [0, 1, 2])
    }

    @Test func `wakes the loop again for an instant for which it has woken it before`() throws {
        let past = loop.now
        for _ in 0..<2 {
            var ran = false
            loop.schedule(at: past) { ran = true }
            try loop.pass(waitMilliseconds: 60_000)
            #expect(ran)
        }
    }

    @Test func `wakes the loop, however long it would have waited`() throws {
        var ran = false
        loop.schedule(afterMilliseconds: 5) { ran = true }
        for _ in 0..<100 where !ran { try loop.pass(waitMilliseconds: 60_000) }
        #expect(ran)
    }

    @Test func `that sets itself again, due at once, runs once per pass`() throws {
        var runs = 0
        func again() {
            runs += 1
            loop.schedule(afterMilliseconds: 0) { again() }
        }
        again()
        for pass in 1...3 {
            try loop.pass(waitMilliseconds: 1000)
            #expect(runs == pass + 1)
        }
    }

    @Test func `runs in the first pass at or after its time, by the loop's clock`() throws {
        let clock = Clock()
        let loop = try EventLoop(clock: { clock.now })
        var runs = 0
        loop.schedule(afterMilliseconds: 75_000) { runs += 1 }
        for (milliseconds, expected) in [(0, 0), (74_999, 0), (1, 1), (1000, 1)] {
            clock.now = clock.now.advanced(milliseconds: milliseconds)
            try loop.pass(waitMilliseconds: 0)
            #expect(runs == expected)
        }
    }

    @Test func `beyond the clock's range is at its end, or at its beginning`() {
        let now = Instant(nanoseconds: 5)
        #expect(now.advanced(milliseconds: .max).nanoseconds == .max)
        #expect(now.advanced(milliseconds: Int(UInt64.max / 1_000_000)).nanoseconds > UInt64.max - 1_000_000)
        #expect(now.advanced(milliseconds: .min).nanoseconds == 0)
    }

    @Test func `that was cancelled keeps nothing alive`() throws {
        final class Thing {}
        weak var kept: Thing?
        let timer = {
            let thing = Thing()
            kept = thing
            return loop.schedule(afterMilliseconds: 3_600_000) { withExtendedLifetime(thing) {} }
        }()
        #expect(kept != nil)
        loop.cancel(timer)
        #expect(kept == nil)
    }

    @Test func `that has run can be cancelled without harm to others`() throws {
        var runs: [Int] = []
        let first = loop.schedule(at: loop.now) { runs.append(1) }
        try loop.pass(waitMilliseconds: 1000)
        loop.schedule(at: loop.now) { runs.append(2) }
        loop.cancel(first)
        loop.cancel(first)
        try loop.pass(waitMilliseconds: 1000)
        #expect(runs == [1, 2])
    }

    @Test func `can be cancelled by one that is due before it in the same pass`() throws {
        var runs: [Int] = []
        let instant = loop.now
        var second: TimerID?
        loop.schedule(at: instant) { [loop] in
            runs.append(1)
            loop.cancel(second!)
        }
        second = loop.schedule(at: instant) { runs.append(2) }
        for _ in 0..<2 { try loop.pass(waitMilliseconds: 20) }
        #expect(runs == [1])
    }

    @Test func `runs exactly once, in order, among any others`() throws {
        var random = SeededRandom()
        let clock = Clock()
        let loop = try EventLoop(clock: { clock.now })
        // What is due to run, by deadline and then by number; and what has run.
        var waiting: [(deadline: Int, number: Int, id: TimerID)] = []
        var time = 0
        var number = 0
        var ran: [Int] = []
        for _ in 0..<3000 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<6:
                number += 1
                let (own, delay) = (number, Int.random(in: 0...50, using: &random))
                let id = loop.schedule(afterMilliseconds: delay) { ran.append(own) }
                waiting.append((time + delay, own, id))
            case 6..<8 where !waiting.isEmpty:
                let chosen = waiting.remove(at: Int.random(in: 0..<waiting.count, using: &random))
                loop.cancel(chosen.id)
            default:
                let step = Int.random(in: 0...20, using: &random)
                time += step
                clock.now = clock.now.advanced(milliseconds: step)
                ran = []
                try loop.pass(waitMilliseconds: 0)
                let due = waiting.filter { $0.deadline <= time }.sorted {
                    ($0.deadline, $0.number) < ($1.deadline, $1.number)
                }
                waiting.removeAll { $0.deadline <= time }
                #expect(ran == due.map(\.number), "seed \(random.seed)")
            }
        }
    }
}
