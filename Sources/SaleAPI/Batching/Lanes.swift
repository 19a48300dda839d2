import EventLoop
import Shared

/// Where requests gather until Redis has decided those before them: a lane for each sale, and a bound on what may wait.
final class Lanes<B: Batch> {
    /// Lanes of sales that may be made up: such names must not cost memory. A sale that has been seen on Redis is let
    /// in beyond that, and keeps its lane.
    private let lanesMax = 1024

    private let seenSales: SeenSales
    private let batchMax: Int
    private let pendingMax: Int
    private let patience: UInt64
    private var lanes: [SaleID: Lane<B>] = [:]
    /// Lanes that have something to send.
    private var ready: [SaleID] = []
    private var spare: [B] = []
    /// Requests taken whose batch is not finished.
    private(set) var pending = 0

    /// - Parameters:
    ///   - pendingMax: requests that may wait at once, whatever they wait for.
    ///   - patience: how long a request may wait for its answer, in nanoseconds.
    init(seenSales: SeenSales, batchMax: Int, pendingMax: Int, patience: UInt64) {
        self.seenSales = seenSales
        self.batchMax = batchMax
        self.pendingMax = pendingMax
        self.patience = patience
    }

    /// Lanes with the configured batch size and deadline.
    convenience init(_ context: APIContext, pendingMax: Int) {
        self.init(
            seenSales: context.seenSales, batchMax: context.configuration.batchMax, pendingMax: pendingMax,
            patience: UInt64(context.configuration.deadlineMilliseconds) * 1_000_000)
    }

    /// Sales that have a lane.
    var count: Int { lanes.count }

    // MARK: Gathering

    /// The lane for a request that came now. Returns nil if the request could not be decided in time and should be
    /// refused at once, so that the requests already taken are decided. It may wait for half of the patience; the other
    /// half is for the unexpected, such as a batch that has to be sent again.
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

    /// A request has been appended to the lane's gathering batch.
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
                dropIfUnseen(lane)
                continue
            }
            lane.begin(batch, at: now)
            send(lane, batch)
        }
        ready.removeAll(keepingCapacity: true)
    }

    /// The lane's oldest batch with a request that is not answered yet.
    private func next(of lane: Lane<B>) -> B? {
        while let batch = lane.takeOldest(next: fresh) {
            pending -= batch.expired
            batch.dropExpired()
            if batch.count > 0 { return batch }
            recycle(batch)
        }
        return nil
    }

    /// Every request of the batch in flight has been answered.
    func finish(_ lane: Lane<B>) {
        if let batch = lane.end() { recycle(batch) }
        if lane.isIdle { dropIfUnseen(lane) } else { ready.append(lane.sale) }
    }

    /// Drops the idle lane of a sale that has never been seen on Redis.
    private func dropIfUnseen(_ lane: Lane<B>) {
        if lane.isIdle, !seenSales.contains(lane.sale) { lanes[lane.sale] = nil }
    }

    // MARK: Refusing

    /// Redis is gone: hands over every request that was never sent, to be refused.
    func refuseUnsent(_ refuse: (B, Int) -> Void) {
        for lane in lanes.values {
            for batch in lane.takeAll(next: fresh()) {
                for index in batch.waiting { refuse(batch, index) }
                recycle(batch)
            }
            dropIfUnseen(lane)
        }
    }

    /// Hands over every request that has waited too long: for an answer that Redis may have given (`sent`), or to be
    /// sent.
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
