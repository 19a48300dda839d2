import EventLoop
import HTTPEdge
import RedisClient
import Shared

/// Gives positions in waiting rooms: all who join in one loop pass leave as one call of join.lua, and while it runs the
/// next batch gathers, as with purchases (`Batcher`).
///
/// Joining again gives the same position, so nothing is sent twice from here: whoever was sent and got no answer is
/// told 202, whoever was not sent 503, and both join again.
final class JoinQueue {
    /// Joins that may wait at once. A join costs us 10 µs and Redis 5 µs (script/bench queue), so these are 0.2 s of work,
    /// and what is accepted meets its 2.5 s; each holds its buyer's name and 64 bytes: 3 MiB.
    static let pendingMax = 16_384
    /// Sales that may be made up, with joins under way; as in `Batcher`.
    private static let lanesMax = 1024
    /// How often deadlines are looked at.
    private static let tickMilliseconds = 50

    private struct Join {
        let exchange: Exchange
        let charge: RateLimiter.Charge
        /// Where the buyer's name stands among the batch's.
        let buyer: Range<Int>
    }

    private final class Batch {
        let call = ScriptCall(.join)
        var joins: [Join] = []
        var buyers = ByteBuffer(capacity: 1024)
        /// How many from the front have been answered because their time was up.
        var expired = 0
        /// How many from the front were so when it was sent, and are not part of the call.
        var unsent = 0
        var reply: JoinReply?

        /// Calls `body` with the name of whoever joins.
        func withBuyer<R>(of join: Join, _ body: (Span<UInt8>) -> R) -> R {
            buyers.withBytes { body($0.extracting(join.buyer)) }
        }

        func clear() {
            joins.removeAll(keepingCapacity: true)
            buyers.removeAll()
            expired = 0
            unsent = 0
            reply = nil
        }
    }

    /// One sale's batches. At most one is with Redis, so positions are in the order of arrival.
    private final class Lane {
        let keys: [String]
        var inFlight: Batch?
        var full: [Batch] = []
        var gathering: Batch

        init(_ sale: SaleID, gathering: Batch) {
            let names = SaleKeys(sale)
            keys = [names.sale, names.stock, names.tickets, names.joined]
            self.gathering = gathering
        }

        var isIdle: Bool { inFlight == nil && full.isEmpty && gathering.joins.isEmpty }
    }

    private let loop: EventLoop
    private let redis: AsyncRedis
    private let answers: JoinAnswers
    private let known: KnownSales
    private let limiter: RateLimiter
    private let log: Log
    private let batchMax: Int
    private let deadlineNanoseconds: UInt64

    private var lanes: [SaleID: Lane] = [:]
    /// Lanes that have something to send.
    private var dirty: [SaleID] = []
    private var spare: [Batch] = []
    /// Joins taken and not finished with.
    private(set) var pending = 0

    init(
        loop: EventLoop, redis: AsyncRedis, answers: JoinAnswers, known: KnownSales, limiter: RateLimiter, log: Log,
        batchMax: Int, deadlineMilliseconds: Int
    ) {
        self.loop = loop
        self.redis = redis
        self.answers = answers
        self.known = known
        self.limiter = limiter
        self.log = log
        self.batchMax = batchMax
        deadlineNanoseconds = UInt64(deadlineMilliseconds) * 1_000_000
        loop.atEndOfPass { [weak self] in self?.sendBatches() }
        tick()
    }

    // MARK: Gathering

    /// Takes a join; its exchange is answered now or later.
    func submit(_ sale: SaleID, buyer: Span<UInt8>, _ charge: RateLimiter.Charge, _ exchange: Exchange) {
        guard redis.isReady else { return refuse(.unavailable, charge, buyer, exchange) }
        guard pending < Self.pendingMax, let lane = lane(sale) else {
            return refuse(.overloaded, charge, buyer, exchange)
        }
        let batch = lane.gathering
        if batch.joins.isEmpty { dirty.append(sale) }
        let start = batch.buyers.count
        batch.buyers.append(buyer)
        batch.joins.append(Join(exchange: exchange, charge: charge, buyer: start..<batch.buyers.count))
        pending += 1
        if batch.joins.count == batchMax {
            lane.full.append(batch)
            lane.gathering = spare.popLast() ?? Batch()
            dirty.append(sale)
        }
    }

    private func lane(_ sale: SaleID) -> Lane? {
        if let lane = lanes[sale] { return lane }
        guard lanes.count < Self.lanesMax || known.contains(sale) else { return nil }
        let lane = Lane(sale, gathering: spare.popLast() ?? Batch())
        lanes[sale] = lane
        return lane
    }

    private func recycle(_ batch: Batch) {
        pending -= batch.joins.count
        batch.clear()
        spare.append(batch)
    }

    // MARK: Sending

    private func sendBatches() {
        guard !dirty.isEmpty else { return }
        for sale in dirty where redis.isReady {
            guard let lane = lanes[sale], lane.inFlight == nil else { continue }
            sendNext(sale, lane)
        }
        redis.flush()
        dirty.removeAll(keepingCapacity: true)
    }

    /// Sends the lane's oldest batch that still has somebody to answer.
    private func sendNext(_ sale: SaleID, _ lane: Lane) {
        while !lane.full.isEmpty || !lane.gathering.joins.isEmpty {
            let batch = lane.full.isEmpty ? lane.gathering : lane.full.removeFirst()
            if batch === lane.gathering { lane.gathering = spare.popLast() ?? Batch() }
            if batch.expired < batch.joins.count { return send(sale, lane, batch) }
            recycle(batch)
        }
        if lane.isIdle, !known.contains(sale) { lanes[sale] = nil }
    }

    private func send(_ sale: SaleID, _ lane: Lane, _ batch: Batch) {
        guard let runID = redis.runID else { preconditionFailure("a batch was sent while Redis is down") }
        lane.inFlight = batch
        batch.unsent = batch.expired
        batch.call.removeItems()
        batch.call.begin(keys: lane.keys, [runID])
        for join in batch.joins[batch.unsent...] { batch.withBuyer(of: join) { batch.call.append($0) } }
        redis.run(
            batch.call,
            { [weak self] answer in
                guard let self else { return }
                switch answer {
                case .reply(let value):
                    batch.reply = JoinReply(value, count: batch.joins.count - batch.unsent)
                    guard batch.reply == nil else { return }
                    fail(sale, lane, batch, "join.lua answered in another form than it promises", nothingRan: false)
                case .failure(let error):
                    answers.countRedisError()
                    fail(sale, lane, batch, error.description, nothingRan: error.effect == .nothingRan)
                    if error.needsReconnect, error.code != .connectionLost {
                        redis.reconnect(because: error.description)
                    }
                }
            },
            confirmed: { [weak self] confirmation in
                // A reply that could not be used has been dealt with already.
                guard let self, lane.inFlight === batch, let reply = batch.reply else { return }
                guard confirmation == .confirmed else {
                    return fail(sale, lane, batch, "the replicas have not acknowledged", nothingRan: false)
                }
                answer(sale, batch, reply)
                finish(sale, lane, batch)
            })
    }

    // MARK: Answering

    private func answer(_ sale: SaleID, _ batch: Batch, _ reply: JoinReply) {
        switch reply.verdict {
        case .unknownSale, .fenced: break
        default: known.insert(sale)
        }
        let mayBeBack = known.contains(sale)
        for index in max(batch.unsent, batch.expired)..<batch.joins.count {
            let join = batch.joins[index]
            switch reply.verdict {
            case .given(let given):
                let (position, isNew) = given[index - batch.unsent]
                batch.withBuyer(of: join) {
                    answers.given(sale, position, isNew: isNew, reply, buyer: $0, join.exchange)
                }
            case .ended: answers.refused(.saleEnded, join.exchange)
            case .soldOut: answers.refused(.soldOut, join.exchange)
            case .noWaitingRoom: answers.refused(.noWaitingRoom, join.exchange)
            case .unknownSale where !mayBeBack: answers.refused(.notFound, join.exchange)
            case .unknownSale, .fenced: leave(join, batch, wasSent: false)
            }
        }
    }

    private func refuse(
        _ problem: Problem, _ charge: RateLimiter.Charge, _ buyer: Span<UInt8>, _ exchange: Exchange
    ) {
        willReturn(charge, answers.later(problem, buyer, exchange))
    }

    /// The answer says when to ask again: whoever does is not charged for it.
    private func willReturn(_ charge: RateLimiter.Charge, _ seconds: Int) {
        limiter.expectReturn(charge, afterSeconds: seconds, now: loop.now)
    }

    /// Nothing was done, or nobody knows.
    private func fail(_ sale: SaleID, _ lane: Lane, _ batch: Batch, _ reason: String, nothingRan: Bool) {
        log.write(.error, nothingRan ? "joins_refused" : "joins_unconfirmed") {
            $0.appendMember("sale", "\(sale)")
            $0.appendMember("joins", batch.joins.count - batch.expired)
            $0.appendMember("error", reason)
        }
        for join in batch.joins[batch.expired...] { leave(join, batch, wasSent: !nothingRan) }
        finish(sale, lane, batch)
    }

    private func leave(_ join: Join, _ batch: Batch, wasSent: Bool) {
        batch.withBuyer(of: join) { buyer in
            guard wasSent else { return refuse(.unavailable, join.charge, buyer, join.exchange) }
            willReturn(join.charge, answers.pending(buyer, join.exchange))
        }
    }

    private func finish(_ sale: SaleID, _ lane: Lane, _ batch: Batch) {
        lane.inFlight = nil
        recycle(batch)
        dirty.append(sale)
    }

    /// Redis can be used again: what has gathered meanwhile is sent.
    func redisBecameReady() { dirty += lanes.keys }

    /// Redis is gone: what was not sent is refused; what was sent fails by itself.
    func redisBecameUnavailable() {
        for lane in lanes.values {
            for batch in lane.full + [lane.gathering] {
                for join in batch.joins[batch.expired...] { leave(join, batch, wasSent: false) }
                recycle(batch)
            }
            lane.full = []
            lane.gathering = spare.popLast() ?? Batch()
        }
    }

    // MARK: Time

    /// Answers those whose time is up.
    private func tick() {
        let now = loop.now.nanoseconds
        for lane in lanes.values where !lane.isIdle {
            if let batch = lane.inFlight { expire(batch, now, wasSent: true) }
            for batch in lane.full + [lane.gathering] { expire(batch, now, wasSent: false) }
        }
        loop.schedule(afterMilliseconds: Self.tickMilliseconds) { [weak self] in self?.tick() }
    }

    /// They came in order, so those that have waited too long are at the front.
    private func expire(_ batch: Batch, _ now: UInt64, wasSent: Bool) {
        while batch.expired < batch.joins.count {
            let join = batch.joins[batch.expired]
            guard now > join.exchange.arrivedAt.nanoseconds + deadlineNanoseconds else { return }
            batch.expired += 1
            leave(join, batch, wasSent: wasSent)
        }
    }
}
