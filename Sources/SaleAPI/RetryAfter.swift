import Shared

/// How long a buyer who is sent away is told to stay away.
enum RetryAfter {
    /// From `base` to `base + spread` whole seconds, spread evenly over buyers, so that those who are refused together do not
    /// come back together. One buyer is always told the same, by every process: asking again gains nobody a better draw.
    static func seconds(base: Int, spread: Int, buyer: Span<UInt8>) -> Int {
        // FNV-1a, then MurmurHash3's last step, without which names that differ in one digit fall together.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for index in buyer.indices { hash = (hash ^ UInt64(buyer[index])) &* 0x100_0000_01b3 }
        hash = (hash ^ hash >> 33) &* 0xff51_afd7_ed55_8ccd
        return base + Int((hash ^ hash >> 33) % UInt64(spread + 1))
    }
}
