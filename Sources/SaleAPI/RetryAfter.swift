import Shared

/// When a buyer is told to ask again: jittered, so that those who obey don't all come back at once, and derived from
/// the buyer, so that the same buyer is always told the same.
enum RetryAfter {
    /// Seconds over which those spread whose turn comes at one moment. Whole seconds round a turn up by as much as one,
    /// so this and that one lie well within the 10 s that a turn lasts at least.
    static let turnSpread = 3
    /// Seconds after which somebody asks again whose turn nobody knows, and over which they spread.
    private static let pausedBase = 5
    private static let pausedSpread = 5

    /// `base` seconds and 0 to `spread` more. FNV-1a: it only has to spread names, not to withstand anybody.
    static func seconds(base: Int, spread: Int, buyer: Span<UInt8>) -> Int {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for index in buyer.indices { hash = (hash ^ UInt64(buyer[index])) &* 0x100_0000_01B3 }
        // The low bits of names that differ in their last digit differ little.
        return base + Int((hash ^ hash >> 32) % UInt64(spread + 1))
    }

    /// Never ends before the turn begins: who obeys is not refused again, unless the schedule is slowed down meanwhile.
    static func seconds(until turn: UnixMilliseconds?, now: UnixMilliseconds, jitter: Int) -> Int {
        guard let turn else { return pausedBase + jitter * pausedSpread / turnSpread }
        return max(1, (turn.value - now.value + 999) / 1000) + jitter
    }
}
