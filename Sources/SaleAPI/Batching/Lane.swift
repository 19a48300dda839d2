import EventLoop
import Shared

/// One sale's batches. At most one is with Redis, so a process decides in the order of arrival.
final class Lane<B: Batch> {
    let sale: SaleID
    let keys: [String]
    /// The batch that has been sent and is not finished yet.
    private(set) var inFlight: B?
    /// When it was first sent.
    private(set) var sentAt = Instant(nanoseconds: 0)
    /// Full batches that wait for the one in flight.
    private(set) var full: [B] = []
    private(set) var gathering: B
    private var roundTrip = RoundTripEstimate()

    init(_ sale: SaleID, gathering: B) {
        self.sale = sale
        keys = B.keys(of: SaleKeys(sale))
        self.gathering = gathering
    }

    var isIdle: Bool { inFlight == nil && full.isEmpty && gathering.count == 0 }

    /// How long a request that came now would wait until it is sent: for the batches in front of its own.
    var expectedWaitNanoseconds: UInt64 { UInt64(full.count + (inFlight == nil ? 0 : 1)) * roundTrip.nanoseconds }

    /// The gathering batch is full: later requests go into `next`.
    func gather(next: B) {
        full.append(gathering)
        gathering = next
    }

    /// Takes out the oldest batch that was never sent; nil if there is none with a request in it.
    func takeOldest(next: () -> B) -> B? {
        if !full.isEmpty { return full.removeFirst() }
        guard gathering.count > 0 else { return nil }
        defer { gathering = next() }
        return gathering
    }

    /// Takes out all batches that were never sent.
    func takeAll(next: B) -> [B] {
        defer { (full, gathering) = ([], next) }
        return unsent
    }

    /// The batches that were never sent.
    var unsent: [B] { full + [gathering] }

    /// The batch is sent for the first time.
    func begin(_ batch: B, at now: Instant) {
        inFlight = batch
        sentAt = now
    }

    /// The batch in flight has its answers.
    func recordRoundTrip(until now: Instant) {
        roundTrip.record(nanoseconds: now.nanoseconds - sentAt.nanoseconds)
    }

    /// Takes out the batch in flight, whose requests have been answered.
    func end() -> B? {
        defer { inFlight = nil }
        return inFlight
    }
}
