import EventLoop
import Shared

/// One sale's batches. At most one is with Redis, so the decisions of a process are in the order of arrival.
final class Lane {
    let keys: [String]
    var inFlight: Batch?
    /// When the batch in flight was first sent.
    var sentAt = Instant(nanoseconds: 0)
    /// The batch in flight is waiting for a connection, or for the fence to lift, to be sent again.
    var resend = false
    /// Batches that are full and wait for the one in flight.
    var full: [Batch] = []
    var gathering: Batch
    /// What a batch has taken of late, from its sending to its answers.
    private(set) var turn = TurnTime()

    /// The epoch of the sale that decided the last batch; 0 before the first.
    private var epoch = 0

    init(_ sale: SaleID, gathering: Batch) {
        let names = SaleKeys(sale)
        keys = [names.sale, names.stock, names.position, names.buyers, names.orders, names.tickets]
        self.gathering = gathering
    }

    var isIdle: Bool { inFlight == nil && full.isEmpty && gathering.count == 0 }

    /// How long a purchase that came now would wait for its turn: for the batches in front of its own.
    var expectedWaitNanoseconds: UInt64 { UInt64(full.count + (inFlight == nil ? 0 : 1)) * turn.nanoseconds }

    /// Whether the sale has another epoch than at the batch before.
    func sees(epoch now: Int) -> Bool {
        defer { epoch = now }
        return epoch != 0 && epoch != now
    }

    /// The batch in flight has been decided.
    func tookTurn(until now: Instant) { turn.observe(nanoseconds: now.nanoseconds - sentAt.nanoseconds) }
}

/// What a turn takes of late: the median of the last five, so that one or two slow fsyncs among quick ones refuse nobody, and a
/// disk that has become slow is known after three.
struct TurnTime {
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
