import EventLoop
import Shared

/// One sale's batches. At most one is with Redis, so what a process decides is in the order of arrival.
final class Lane<B: Batch> {
    let sale: SaleID
    let keys: [String]
    /// The batch that has been sent and not been finished with.
    private(set) var inFlight: B?
    /// When it was first sent.
    private(set) var sentAt = Instant(nanoseconds: 0)
    /// Batches that are full and wait for the one in flight.
    private(set) var full: [B] = []
    private(set) var gathering: B
    /// What a batch has taken of late, from its sending to its answers.
    private var turn = RoundTripEstimate()

    init(_ sale: SaleID, gathering: B) {
        self.sale = sale
        keys = B.keys(of: SaleKeys(sale))
        self.gathering = gathering
    }

    var isIdle: Bool { inFlight == nil && full.isEmpty && gathering.count == 0 }

    /// How long a request that came now would wait for its turn: for the batches in front of its own.
    var expectedWaitNanoseconds: UInt64 { UInt64(full.count + (inFlight == nil ? 0 : 1)) * turn.nanoseconds }

    /// The batch that gathers is full: what comes now is the next one's.
    func gather(next: B) {
        full.append(gathering)
        gathering = next
    }

    /// Takes out the oldest batch that was never sent; nil where nobody is in one.
    func takeOldest(next: () -> B) -> B? {
        if !full.isEmpty { return full.removeFirst() }
        guard gathering.count > 0 else { return nil }
        defer { gathering = next() }
        return gathering
    }

    /// Takes out all that was never sent.
    func takeAll(next: B) -> [B] {
        defer { (full, gathering) = ([], next) }
        return unsent
    }

    /// What was never sent.
    var unsent: [B] { full + [gathering] }

    /// The batch is sent for the first time.
    func begin(_ batch: B, at now: Instant) {
        inFlight = batch
        sentAt = now
    }

    /// The batch in flight has its answers.
    func tookTurn(until now: Instant) { turn.observe(nanoseconds: now.nanoseconds - sentAt.nanoseconds) }

    /// Takes out the batch in flight, whose answers have been given.
    func end() -> B? {
        defer { inFlight = nil }
        return inFlight
    }
}

/// What a turn takes of late: the median of the last five, so that one or two slow fsyncs among quick ones refuse nobody, and a
/// disk that has become slow is known after three.
struct RoundTripEstimate {
    private var turns: [UInt64] = []
    private var next = 0
    private(set) var nanoseconds: UInt64 = 0

    mutating func observe(nanoseconds turn: UInt64) {
        if turns.count < 5 {
            turns.append(turn)
        } else {
            turns[next] = turn
            next = (next + 1) % turns.count
        }
        nanoseconds = turns.sorted()[turns.count / 2]
    }
}
