import EventLoop
import Shared

/// Limits each buyer by the generic cell rate algorithm (GCRA, ITU-T I.371): one number for each buyer (and another
/// for its ticket), the time at which its allowance will be full again. It is exact: there is no window at whose edge
/// twice as much gets through.
///
/// Its memory is fixed, whatever the number of buyers. A buyer needs a place only until its allowance is full again:
/// half a second after one press at `20/10s`. At 80,000 presses a second these are 40,000 places; there are 131,072, in
/// rows of eight. If a row is full of buyers who still need their places, the one who would need its place for the
/// shortest time loses it and may press a few times more than it should: an error in the buyer's favour.
final class RateLimiter {
    enum Verdict: Equatable {
        case admitted(Charge)
        /// Whole seconds, at least 1, after which the buyer may ask again.
        case refused(retryAfterSeconds: Int)
    }

    /// What a request shows of its buyer. Each has an allowance of its own: a ticket may be in other hands, and whoever
    /// has it must not use up what its buyer needs for buying.
    enum Credential: UInt64 {
        case token = 0
        /// 2⁶⁴ / φ, which flips bits of the row and of the rest.
        case ticket = 0x9E37_79B9_7F4A_7C15
    }

    /// What an admitted request cost, to be refunded if the request turns out to be free.
    struct Charge: Equatable {
        /// The buyer's hash, if its token showed who it is; another credential changes it.
        let buyer: UInt64
        /// It was the return that an answer had asked for.
        fileprivate var isFree = false
    }

    private struct Slot {
        /// Hash of the buyer; 0 if the place has never been used.
        var buyer: UInt64 = 0
        /// When the buyer's allowance will be full again (GCRA's theoretical arrival time). Nanoseconds.
        var arrival: UInt64 = 0
        /// From when one request is free, because an answer told the buyer to come back then. 0 for none.
        var freeFrom: UInt64 = 0
    }

    private static let ways = 8
    private static let rows = 1 << 14

    let limit: RateLimit
    /// Cost of one request, in nanoseconds.
    private let interval: UInt64
    /// How far ahead of the clock `arrival` may be when a request is admitted.
    private let tolerance: UInt64
    /// Touched at the start, so that memory does not grow later.
    private var slots = [Slot](repeating: Slot(), count: rows * ways)
    private(set) var refusals = 0

    init(_ limit: RateLimit) {
        self.limit = limit
        interval = UInt64(limit.windowMilliseconds) * 1_000_000 / UInt64(limit.burst)
        tolerance = interval * UInt64(limit.burst - 1)
    }

    /// Judges one request, and charges it if it is admitted.
    func admit(_ buyer: Span<UInt8>, by credential: Credential = .token, now: Instant) -> Verdict {
        let hash = buyer.buyerHash ^ credential.rawValue
        let index = place(hash, now.nanoseconds)
        let slot = slots[index]
        if slot.freeFrom > 0, slot.freeFrom <= now.nanoseconds {
            slots[index].freeFrom = 0
            return .admitted(Charge(buyer: hash, isFree: true))
        }
        let arrival = max(slot.arrival, now.nanoseconds)
        if arrival > now.nanoseconds + tolerance {
            refusals += 1
            let wait = arrival - tolerance - now.nanoseconds
            return .refused(retryAfterSeconds: Int((wait + 999_999_999) / 1_000_000_000))
        }
        slots[index].arrival = arrival + interval
        return .admitted(Charge(buyer: hash))
    }

    /// A request that was the replay of a win costs nothing.
    func refund(_ charge: Charge) {
        guard !charge.isFree, let index = find(charge.buyer) else { return }
        slots[index].arrival -= min(slots[index].arrival, interval)
    }

    /// The buyer was told to come back after `seconds`: the request with which it does so is free.
    func expectReturn(_ charge: Charge, afterSeconds seconds: Int, now: Instant) {
        guard let index = find(charge.buyer) else { return }
        slots[index].freeFrom = now.advanced(milliseconds: seconds * 1000).nanoseconds
    }

    private static func row(_ hash: UInt64) -> Range<Int> {
        let first = Int(hash >> 32) % rows * ways
        return first..<first + ways
    }

    private func find(_ hash: UInt64) -> Int? {
        Self.row(hash).first { slots[$0].buyer == hash }
    }

    /// The buyer's place: its own, or that of the buyer who needs it least.
    private func place(_ hash: UInt64, _ now: UInt64) -> Int {
        if let index = find(hash) { return index }
        let row = Self.row(hash)
        let index = row.min { slots[$0].arrival < slots[$1].arrival } ?? row.lowerBound
        slots[index] = Slot(buyer: hash)
        return index
    }
}
