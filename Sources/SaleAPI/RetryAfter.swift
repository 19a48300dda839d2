import Shared

/// When a buyer is told to come back. The time is jittered, so that buyers who obey don't all come back at once. The
/// jitter is derived from the buyer, so that every process gives the same buyer the same time: asking again gains
/// nobody a better draw.
enum RetryAfter {
    /// Seconds over which buyers spread whose turn comes at the same moment. Rounding to whole seconds adds up to one
    /// more, and both together lie well within the minute that a turn lasts at least.
    static let turnSpread = 3
    /// Seconds after which buyers come back if nobody knows when their turn is, and over which they spread.
    private static let pausedBase = 5
    private static let pausedSpread = 5

    /// A whole number of seconds from `base` to `base + spread`, spread evenly over buyers.
    static func seconds(base: Int, spread: Int, buyer: Span<UInt8>) -> Int {
        // FNV-1a, then MurmurHash3's last step, without which names that differ in one digit collide.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for index in buyer.indices { hash = (hash ^ UInt64(buyer[index])) &* 0x100_0000_01b3 }
        hash = (hash ^ hash >> 33) &* 0xff51_afd7_ed55_8ccd
        return base + Int((hash ^ hash >> 33) % UInt64(spread + 1))
    }

    /// Seconds that never end before the opening, or the turn, begins: a buyer who obeys is not refused again, unless
    /// it is postponed meanwhile. `beginning` is nil if nobody knows when that will be.
    static func seconds(until beginning: UnixMilliseconds?, now: UnixMilliseconds, jitter: Int) -> Int {
        guard let beginning else { return pausedBase + jitter * pausedSpread / turnSpread }
        return max(1, (beginning.value - now.value + 999) / 1000) + jitter
    }
}
