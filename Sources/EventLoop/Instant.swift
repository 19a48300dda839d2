import Glibc

/// A point on CLOCK_MONOTONIC, in nanoseconds: it never jumps, so every timeout is measured on it.
package struct Instant: Comparable, Hashable, Sendable {
    package var nanoseconds: UInt64

    package init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    /// The clock, read now.
    package static var now: Instant {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Instant(nanoseconds: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
    }

    package static func < (left: Instant, right: Instant) -> Bool { left.nanoseconds < right.nanoseconds }

    /// The instant `milliseconds` later; earlier where they are negative. Never before the clock's zero or behind its end, 584
    /// years later: how long to wait may be what somebody else has said.
    package func advanced(milliseconds: Int) -> Instant {
        let (distance, isEndless) = UInt64(milliseconds.magnitude).multipliedReportingOverflow(by: 1_000_000)
        if milliseconds < 0 { return Instant(nanoseconds: nanoseconds - min(nanoseconds, isEndless ? .max : distance)) }
        let (later, isBehind) = nanoseconds.addingReportingOverflow(distance)
        return Instant(nanoseconds: isEndless || isBehind ? .max : later)
    }

    /// Whole microseconds from `earlier` to here; 0 where it is not earlier.
    package func microseconds(since earlier: Instant) -> Int {
        nanoseconds > earlier.nanoseconds ? Int((nanoseconds - earlier.nanoseconds) / 1000) : 0
    }
}
