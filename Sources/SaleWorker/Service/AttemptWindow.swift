import EventLoop

/// Counts failures within the last minute, exactly: a sliding window over their times. A value; the caller passes the
/// time.
struct AttemptWindow {
    /// Failures within the window after which no more are allowed.
    static let failuresMax = 10
    static let seconds = 60

    /// The times of the latest failures, oldest first; never more than `failuresMax`.
    private var failures: [Instant] = []

    /// Notes a failure. Returns nil if it is allowed, otherwise the whole seconds, at least 1, until the next one is.
    mutating func fail(now: Instant) -> Int? {
        failures.removeAll { $0.advanced(milliseconds: Self.seconds * 1000) <= now }
        guard failures.count >= Self.failuresMax else {
            failures.append(now)
            return nil
        }
        let free = failures[0].advanced(milliseconds: Self.seconds * 1000).nanoseconds - now.nanoseconds
        return max(1, Int((free + 999_999_999) / 1_000_000_000))
    }
}
