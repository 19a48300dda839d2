import EventLoop
import Shared

/// How often one buyer may ask: `burst` at once, and that many again in each `window`.
struct RateLimit: Equatable {
    var burst: Int
    var windowMilliseconds: Int

    /// Reads `20/10s`; nil for anything else.
    init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, let burst = parts[0].withBytes({ $0.decimal }), (1...10_000).contains(burst),
            let window = DurationText.milliseconds(parts[1]), (1000...3_600_000).contains(window)
        else { return nil }
        self.burst = burst
        windowMilliseconds = window
    }
}

/// Limits each buyer by the generic cell rate algorithm (GCRA, ITU-T I.371): one number a buyer, the time at which it will
/// have asked for nothing. Exact: there is no window at whose edge twice as much gets through.
///
/// Its memory is fixed, whatever the number of buyers. A buyer needs a place only until it is as if it had never asked: half a
/// second after one press at `20/10s`. At 80,000 presses a second these are 40,000 places; there are 131,072, in rows of
/// eight. Where a row is full of buyers who still need theirs, the one who would need it for the shortest time loses it, and
/// may press a few times more than it should: an error in the buyer's favour.
final class RateLimiter {
    enum Verdict: Equatable {
        case admitted(Charge)
        /// Whole seconds, at least 1, after which the buyer may ask again.
        case refused(retryAfterSeconds: Int)
    }

    /// What an admitted request cost, to be given back where it turns out that it costs nothing.
    struct Charge: Equatable {
        fileprivate let buyer: UInt64
        /// It was the request that an answer had asked for.
        fileprivate var isFree = false
    }

    private struct Slot {
        /// Hash of the buyer; 0 where nobody has ever been here.
        var buyer: UInt64 = 0
        /// When the buyer will be as if it had never asked (GCRA's theoretical arrival time). Nanoseconds.
        var arrival: UInt64 = 0
        /// From when on one request is free: that which an answer has told the buyer to make. 0 for none.
        var freeFrom: UInt64 = 0
    }

    private static let ways = 8
    private static let rows = 1 << 14

    let limit: RateLimit
    /// Nanoseconds that one request costs.
    private let interval: UInt64
    /// How far ahead of the clock `arrival` may be before a request.
    private let tolerance: UInt64
    /// Touched here, so that memory does not grow later.
    private var slots = [Slot](repeating: Slot(), count: rows * ways)
    private(set) var refusals = 0

    init(_ limit: RateLimit) {
        self.limit = limit
        interval = UInt64(limit.windowMilliseconds) * 1_000_000 / UInt64(limit.burst)
        tolerance = interval * UInt64(limit.burst - 1)
    }

    /// Judges one request, and charges it where it is admitted.
    func admit(_ buyer: Span<UInt8>, now: Instant) -> Verdict {
        let hash = buyer.buyerHash
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

    /// The buyer was told to ask again after `seconds`: the request that does so costs nothing.
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

    /// The buyer's place: its own, or that of somebody who needs it least.
    private func place(_ hash: UInt64, _ now: UInt64) -> Int {
        if let index = find(hash) { return index }
        let row = Self.row(hash)
        let index = row.min { slots[$0].arrival < slots[$1].arrival } ?? row.lowerBound
        slots[index] = Slot(buyer: hash)
        return index
    }
}
