import EventLoop

/// Counts failures within the last minute, exactly: a sliding window over when each of them was. A value; whoever asks
/// brings the time.
struct AttemptWindow {
    /// Failures within the window from which on nothing more is allowed.
    static let failuresMax = 10
    static let seconds = 60

    /// When the latest failures were, oldest first; never more than `failuresMax`.
    private var failures: [Instant] = []

    /// Notes a failure. Answers nil where it is one of those that are allowed, otherwise the whole seconds, at least 1, until
    /// another is.
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
