import EventLoop
import HTTPEdge
import RedisClient
import Shared

/// Gives positions in waiting rooms: all who join in one pass of the loop leave as one call of join.lua, and while it
/// runs the next batch gathers, as with purchases (`PurchaseBatcher`).
///
/// Joining again gives the same position, so nothing is sent twice from here: a buyer whose join was sent without an
/// answer gets 202, a buyer whose join was not sent 503, and both join again.
final class JoinBatcher {
    /// Joins that may wait at once. A join costs us 10 µs and Redis 5 µs (script/bench queue), so these are 0.2 s of
    /// work, and accepted joins meet their 2.5 s. Each holds its buyer's name and 64 bytes: 3 MiB.
    static let pendingMax = 16_384
    /// How often deadlines are checked.
    private static let tickMilliseconds = 50
    /// Seconds until a postponed join is worth another try, and over which postponed buyers come back.
    private static let retryBase = 1
    private static let retrySpread = 2

    private let loop: EventLoop
    private let redis: AsyncRedis
    private let seenSales: SeenSales
    private let log: Log
    private let answers: JoinAnswers
    private let limiter: RateLimiter
    private let metrics: JoinMetrics
    private let lanes: Lanes<JoinBatch>

    init(_ context: APIContext, answers: JoinAnswers, limiter: RateLimiter, metrics: JoinMetrics) {
        loop = context.loop
        redis = context.redis
        seenSales = context.seenSales
        log = context.log
        self.answers = answers
        self.limiter = limiter
        self.metrics = metrics
        lanes = Lanes(context, pendingMax: Self.pendingMax)
        loop.onEachPass(.gathered) { [weak self] in self?.sendBatches() }
        tick()
    }

    // MARK: Gathering

    /// Takes a join; its exchange is answered now or later.
    func submit(_ sale: SaleID, buyer: Span<UInt8>, _ charge: RateLimiter.Charge, _ exchange: Exchange) {
        guard redis.isReady else { return postpone(.unavailable, buyer, charge, exchange) }
        guard let lane = lanes.lane(for: sale) else { return postpone(.overloaded, buyer, charge, exchange) }
        lane.gathering.append(buyer: buyer, charge, exchange)
        lanes.appended(to: lane)
    }

    /// Joins taken whose batch is not finished.
    var pending: Int { lanes.pending }

    // MARK: Sending

    private func sendBatches() {
        guard redis.isReady else { return }
        lanes.sendNext(loop.now) { send($0, $1) }
        redis.flush()
    }

    private func send(_ lane: Lane<JoinBatch>, _ batch: JoinBatch) {
        guard let runID = redis.runID else { preconditionFailure("a batch was sent while Redis is down") }
        batch.compose(keys: lane.keys, runID: runID)
        redis.run(
            batch.call,
            { [weak self] answer in
                guard let self else { return }
                switch answer {
                case .reply(let value):
                    batch.reply = JoinReply(value, count: batch.count)
                    guard batch.reply == nil else { return }
                    fail(lane, batch, "join.lua's reply does not have the promised form", nothingRan: false)
                case .failure(let error):
                    metrics.redisErrors += 1
                    fail(lane, batch, error.description, nothingRan: error.effect == .nothingRan)
                }
            },
            confirmed: { [weak self] confirmation in
                // A batch with an unusable reply has been finished already.
                guard let self, lane.inFlight === batch, let reply = batch.reply else { return }
                guard confirmation == .confirmed else {
                    return fail(
                        lane, batch, "the replicas have not acknowledged", nothingRan: reply.verdict.isTurnedAway)
                }
                lane.recordRoundTrip(until: loop.now)
                answer(lane.sale, batch, reply)
                lanes.finish(lane)
            })
    }

    // MARK: Answering

    private func answer(_ sale: SaleID, _ batch: JoinBatch, _ reply: JoinReply) {
        if !reply.verdict.isTurnedAway { seenSales.insert(sale) }
        let mayBeBack = seenSales.contains(sale)
        for index in batch.waiting {
            let join = batch.joins[index]
            switch reply.verdict {
            case .given(let given):
                let (position, isNew) = given[index]
                if isNew { metrics.new += 1 } else { metrics.again += 1 }
                let seconds = batch.withBuyer(of: join) {
                    answers.sendPosition(sale, position, isNew: isNew, reply, buyer: $0, join.exchange)
                }
                // The buyer returns to buy.
                limiter.expectReturn(join.charge, afterSeconds: seconds, now: loop.now)
            case .ended: refuse(.saleEnded, join)
            case .soldOut: refuse(.soldOut, join)
            case .noWaitingRoom: refuse(.noWaitingRoom, join)
            case .unknownSale where !mayBeBack: refuse(.notFound, join)
            case .unknownSale, .fenced: postpone(.unavailable, join, batch)
            }
        }
    }

    private func refuse(_ problem: Problem, _ join: JoinBatch.Join) {
        metrics.refused += 1
        answers.sendRefusal(problem, join.exchange)
    }

    private func postpone(_ postponement: JoinAnswers.Postponement, _ join: JoinBatch.Join, _ batch: JoinBatch) {
        batch.withBuyer(of: join) { postpone(postponement, $0, join.charge, join.exchange) }
    }

    /// Asks a buyer to join again later. A buyer who does so is not charged for it.
    private func postpone(
        _ postponement: JoinAnswers.Postponement, _ buyer: Span<UInt8>, _ charge: RateLimiter.Charge,
        _ exchange: Exchange
    ) {
        switch postponement {
        case .overloaded: metrics.shed += 1
        case .unavailable: metrics.refused += 1
        case .pending: metrics.pending += 1
        }
        let seconds = RetryAfter.seconds(base: Self.retryBase, spread: Self.retrySpread, buyer: buyer)
        answers.send(postponement, retryAfterSeconds: seconds, exchange)
        limiter.expectReturn(charge, afterSeconds: seconds, now: loop.now)
    }

    /// Either nothing was done, or it is not known what was.
    private func fail(_ lane: Lane<JoinBatch>, _ batch: JoinBatch, _ reason: String, nothingRan: Bool) {
        log.writeSeldom(.error, nothingRan ? "joins_refused" : "joins_unconfirmed", cause: "\(lane.sale) \(reason)") {
            $0.appendMember("sale", lane.sale)
            $0.appendMember("joins", batch.waiting.count)
            $0.appendMember("error", reason)
        }
        for index in batch.waiting { postpone(nothingRan ? .unavailable : .pending, batch.joins[index], batch) }
        lanes.finish(lane)
    }

    /// Redis is gone: joins that were not sent are refused; those that were sent fail by themselves.
    func redisBecameUnavailable() { lanes.refuseUnsent { postpone(.unavailable, $0.joins[$1], $0) } }

    // MARK: Time

    /// Answers joins whose time is up.
    private func tick() {
        lanes.expire(
            loop.now, sent: { postpone(.pending, $0.joins[$1], $0) },
            unsent: { postpone(.unavailable, $0.joins[$1], $0) })
        loop.schedule(afterMilliseconds: Self.tickMilliseconds) { [weak self] in self?.tick() }
    }
}
