import Glibc

/// A point on CLOCK_MONOTONIC, in nanoseconds. That clock never jumps, so every timeout is measured on it.
package struct Instant: Comparable, Hashable, Sendable {
    package var nanoseconds: UInt64

    package init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    /// The current time.
    package static var now: Instant {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Instant(nanoseconds: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
    }

    package static func < (left: Instant, right: Instant) -> Bool { left.nanoseconds < right.nanoseconds }

    /// The instant `milliseconds` later, or earlier if they are negative. Clamped to the clock's range, 0 to 584 years:
    /// how long to wait may be what a client or a server has said.
    package func advanced(milliseconds: Int) -> Instant {
        let (distance, isTooLong) = UInt64(milliseconds.magnitude).multipliedReportingOverflow(by: 1_000_000)
        if milliseconds < 0 { return Instant(nanoseconds: nanoseconds - min(nanoseconds, isTooLong ? .max : distance)) }
        let (later, overflows) = nanoseconds.addingReportingOverflow(distance)
        return Instant(nanoseconds: isTooLong || overflows ? .max : later)
    }

    /// Whole microseconds since `earlier`; 0 if it is not earlier.
    package func microseconds(since earlier: Instant) -> Int {
        nanoseconds > earlier.nanoseconds ? Int((nanoseconds - earlier.nanoseconds) / 1000) : 0
    }
}
