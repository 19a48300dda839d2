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
    /// How often deadlines are looked at.
    private static let tickMilliseconds = 50

    private let loop: EventLoop
    private let redis: AsyncRedis
    private let answers: JoinAnswers
    private let seenSales: SeenSales
    private let limiter: RateLimiter
    private let log: Log
    private let lanes: Lanes<JoinBatch>

    init(
        loop: EventLoop, redis: AsyncRedis, answers: JoinAnswers, seenSales: SeenSales, limiter: RateLimiter, log: Log,
        batchMax: Int, deadlineMilliseconds: Int
    ) {
        self.loop = loop
        self.redis = redis
        self.answers = answers
        self.seenSales = seenSales
        self.limiter = limiter
        self.log = log
        lanes = Lanes(
            seenSales: seenSales, batchMax: batchMax, pendingMax: Self.pendingMax,
            patience: UInt64(deadlineMilliseconds) * 1_000_000)
        loop.atEndOfPass { [weak self] in self?.sendBatches() }
        tick()
    }

    // MARK: Gathering

    /// Takes a join; its exchange is answered now or later.
    func submit(_ sale: SaleID, buyer: Span<UInt8>, _ charge: RateLimiter.Charge, _ exchange: Exchange) {
        guard redis.isReady else { return willReturn(charge, answers.unavailable(buyer, exchange)) }
        guard let lane = lanes.lane(for: sale) else { return willReturn(charge, answers.overloaded(buyer, exchange)) }
        lane.gathering.append(buyer: buyer, charge, exchange)
        lanes.appended(to: lane)
    }

    /// Joins taken and not finished with.
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
                    fail(lane, batch, "join.lua answered in another form than it promises", nothingRan: false)
                case .failure(let error):
                    answers.countRedisError()
                    fail(lane, batch, error.description, nothingRan: error.effect == .nothingRan)
                    if error.needsReconnect, error.code != .connectionLost {
                        redis.reconnect(because: error.description)
                    }
                }
            },
            confirmed: { [weak self] confirmation in
                // A reply that could not be used has been dealt with already.
                guard let self, lane.inFlight === batch, let reply = batch.reply else { return }
                guard confirmation == .confirmed else {
                    return fail(lane, batch, "the replicas have not acknowledged", nothingRan: false)
                }
                lane.recordRoundTrip(until: loop.now)
                answer(lane.sale, batch, reply)
                lanes.finish(lane)
            })
    }

    // MARK: Answering

    private func answer(_ sale: SaleID, _ batch: JoinBatch, _ reply: JoinReply) {
        switch reply.verdict {
        case .unknownSale, .fenced: break
        default: seenSales.insert(sale)
        }
        let mayBeBack = seenSales.contains(sale)
        for index in batch.waiting {
            let join = batch.joins[index]
            switch reply.verdict {
            case .given(let given):
                let (position, isNew) = given[index]
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

    /// The answer says when to ask again: whoever does is not charged for it.
    private func willReturn(_ charge: RateLimiter.Charge, _ seconds: Int) {
        limiter.expectReturn(charge, afterSeconds: seconds, now: loop.now)
    }

    /// Nothing was done, or nobody knows.
    private func fail(_ lane: Lane<JoinBatch>, _ batch: JoinBatch, _ reason: String, nothingRan: Bool) {
        log.write(.error, nothingRan ? "joins_refused" : "joins_unconfirmed") {
            $0.appendMember("sale", "\(lane.sale)")
            $0.appendMember("joins", batch.waiting.count)
            $0.appendMember("error", reason)
        }
        for index in batch.waiting { leave(batch.joins[index], batch, wasSent: !nothingRan) }
        lanes.finish(lane)
    }

    private func leave(_ join: JoinBatch.Join, _ batch: JoinBatch, wasSent: Bool) {
        batch.withBuyer(of: join) { buyer in
            let seconds = wasSent ? answers.pending(buyer, join.exchange) : answers.unavailable(buyer, join.exchange)
            willReturn(join.charge, seconds)
        }
    }

    /// Redis is gone: what was not sent is refused; what was sent fails by itself.
    func redisBecameUnavailable() { lanes.refuseUnsent { leave($0.joins[$1], $0, wasSent: false) } }

    // MARK: Time

    /// Answers those whose time is up.
    private func tick() {
        lanes.expire(
            loop.now, sent: { leave($0.joins[$1], $0, wasSent: true) },
            unsent: { leave($0.joins[$1], $0, wasSent: false) })
        loop.schedule(afterMilliseconds: Self.tickMilliseconds) { [weak self] in self?.tick() }
    }
}
