import Shared

/// When a buyer is told to ask again: jittered, so that those who obey don't all come back at once, and derived from
/// the buyer, so that the same buyer is always told the same, by every process: asking again gains nobody a better draw.
enum RetryAfter {
    /// Seconds over which those spread whose turn comes at one moment. Whole seconds round a turn up by as much as one,
    /// so this and that one lie well within the 10 s that a turn lasts at least.
    static let turnSpread = 3
    /// Seconds after which somebody asks again whose turn nobody knows, and over which they spread.
    private static let pausedBase = 5
    private static let pausedSpread = 5

    /// From `base` to `base + spread` whole seconds, spread evenly over buyers.
    static func seconds(base: Int, spread: Int, buyer: Span<UInt8>) -> Int {
        // FNV-1a, then MurmurHash3's last step, without which names that differ in one digit fall together.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for index in buyer.indices { hash = (hash ^ UInt64(buyer[index])) &* 0x100_0000_01b3 }
        hash = (hash ^ hash >> 33) &* 0xff51_afd7_ed55_8ccd
        return base + Int((hash ^ hash >> 33) % UInt64(spread + 1))
    }

    /// Never ends before the turn begins: who obeys is not refused again, unless the schedule is slowed down meanwhile.
    static func seconds(until turn: UnixMilliseconds?, now: UnixMilliseconds, jitter: Int) -> Int {
        guard let turn else { return pausedBase + jitter * pausedSpread / turnSpread }
        return max(1, (turn.value - now.value + 999) / 1000) + jitter
    }
}
