import EventLoop
import Shared

/// Where requests gather until Redis has decided those before them: a lane for each sale, and how much may wait.
final class Lanes<B: Batch> {
    /// Sales with requests under way that may be made up: such names must not cost memory. A sale that has been seen on Redis
    /// is let in beyond that, and keeps its lane.
    private let lanesMax = 1024

    private let seenSales: SeenSales
    private let batchMax: Int
    private let pendingMax: Int
    private let patience: UInt64
    private var lanes: [SaleID: Lane<B>] = [:]
    /// Lanes that have something to send.
    private var ready: [SaleID] = []
    private var spare: [B] = []
    /// Requests taken and not finished with.
    private(set) var pending = 0

    /// - Parameters:
    ///   - pendingMax: requests that may wait at once, whatever they wait for.
    ///   - patience: how long a request is kept waiting for its answer, in nanoseconds.
    init(seenSales: SeenSales, batchMax: Int, pendingMax: Int, patience: UInt64) {
        self.seenSales = seenSales
        self.batchMax = batchMax
        self.pendingMax = pendingMax
        self.patience = patience
    }

    /// Sales that have a lane.
    var count: Int { lanes.count }

    // MARK: Gathering

    /// The lane of a request that came now; nil where it could not be decided in time, and should be refused at once, so that
    /// what has been taken is decided. Its wait may be half of what it is kept waiting for: the other half is for what nobody
    /// expects, such as a batch that has to be sent again.
    func lane(for sale: SaleID) -> Lane<B>? {
        guard pending < pendingMax, let lane = lanes[sale] ?? newLane(for: sale),
            lane.expectedWaitNanoseconds <= patience / 2
        else { return nil }
        return lane
    }

    private func newLane(for sale: SaleID) -> Lane<B>? {
        guard lanes.count < lanesMax || seenSales.contains(sale) else { return nil }
        let lane = Lane(sale, gathering: fresh())
        lanes[sale] = lane
        return lane
    }

    /// A request has been appended to what gathers in the lane.
    func appended(to lane: Lane<B>) {
        pending += 1
        if lane.gathering.count == 1 { ready.append(lane.sale) }
        if lane.gathering.count == batchMax { lane.gather(next: fresh()) }
    }

    private func fresh() -> B { spare.popLast() ?? B() }

    private func recycle(_ batch: B) {
        pending -= batch.count
        batch.clear()
        spare.append(batch)
    }

    // MARK: Sending

    /// Hands over the next batch of each lane that has one and has none in flight.
    func sendNext(_ now: Instant, _ send: (Lane<B>, B) -> Void) {
        for sale in ready {
            guard let lane = lanes[sale], lane.inFlight == nil else { continue }
            guard let batch = next(of: lane) else {
                forgetIfMadeUp(lane)
                continue
            }
            lane.begin(batch, at: now)
            send(lane, batch)
        }
        ready.removeAll(keepingCapacity: true)
    }

    /// The lane's oldest batch that still has somebody to answer.
    private func next(of lane: Lane<B>) -> B? {
        while let batch = lane.takeOldest(next: fresh) {
            pending -= batch.expired
            batch.dropExpired()
            if batch.count > 0 { return batch }
            recycle(batch)
        }
        return nil
    }

    /// All of the batch in flight have been answered.
    func finish(_ lane: Lane<B>) {
        if let batch = lane.end() { recycle(batch) }
        if lane.isIdle { forgetIfMadeUp(lane) } else { ready.append(lane.sale) }
    }

    /// Lets go of a sale that was never there, once nobody waits in its lane.
    private func forgetIfMadeUp(_ lane: Lane<B>) {
        if lane.isIdle, !seenSales.contains(lane.sale) { lanes[lane.sale] = nil }
    }

    // MARK: Refusing

    /// Redis is gone: hands over everybody who was never sent, to be refused.
    func refuseUnsent(_ refuse: (B, Int) -> Void) {
        for lane in lanes.values {
            for batch in lane.takeAll(next: fresh()) {
                for index in batch.waiting { refuse(batch, index) }
                recycle(batch)
            }
            forgetIfMadeUp(lane)
        }
    }

    /// Hands over who has waited too long, for an answer that Redis may have given (`sent`) or to be sent at all.
    func expire(_ now: Instant, sent: (B, Int) -> Void, unsent: (B, Int) -> Void) {
        for lane in lanes.values where !lane.isIdle {
            if let batch = lane.inFlight { batch.expire(now, patience: patience) { sent(batch, $0) } }
            for batch in lane.unsent { batch.expire(now, patience: patience) { unsent(batch, $0) } }
        }
    }

    /// Calls `body` with each lane that has a batch in flight.
    func forEachInFlight(_ body: (Lane<B>, B) -> Void) {
        for lane in lanes.values {
            if let batch = lane.inFlight { body(lane, batch) }
        }
    }
}
