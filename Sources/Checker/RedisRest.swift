package import Shared

/// Redis at rest: after every fault is over and the worker has caught up.
package struct RedisRest: Equatable, Sendable {
    /// Units left.
    package var remaining: Int
    /// Stream entries that the worker has not acknowledged, or not seen.
    package var pending: Int
    /// What the comparison with SQLite found, one sentence each.
    package var differences: [String]

    /// Its time then.
    package var now: UnixMilliseconds

    package init(remaining: Int, pending: Int, differences: [String], now: UnixMilliseconds) {
        self.remaining = remaining
        self.pending = pending
        self.differences = differences
        self.now = now
    }
}
