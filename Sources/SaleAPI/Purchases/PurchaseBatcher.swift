import EventLoop
import HTTPEdge
import RedisClient
import Shared

/// Decides purchases: all that arrive in one pass of the loop leave as one script call, and while it runs the next
/// batch gathers.
///
/// A purchase is answered exactly once: with Redis' decision; with 202 if its time is up and it may have been decided;
/// or with 503 if it certainly was not.
final class PurchaseBatcher {
    /// HMGET and HSET take one and two words a purchase from Lua's stack of 8000 (LUAI_MAXCSTACK).
    static let batchMaxLimit = 1000
    /// Purchases that may wait at once, whatever they wait for. Each holds about 200 bytes of arguments: 3.2 MiB. At
    /// 50,000 decisions a second this is 0.33 s of work.
    static let pendingMax = 16_384
    /// How often deadlines are checked, and batches whose answer was lost are sent again.
    private static let tickMilliseconds = 25

    private let loop: EventLoop
    private let redis: AsyncRedis
    private let seenSales: SeenSales
    private let log: Log
    private let answers: PurchaseAnswers
    private let witnesses: Witnesses
    private let cache: EdgeCache
    private let limiter: RateLimiter
    private let metrics: APIMetrics
    private let lanes: Lanes<PurchaseBatch>
    private var reply = PurchaseReply()

    init(
        _ context: APIContext, answers: PurchaseAnswers, witnesses: Witnesses, cache: EdgeCache, limiter: RateLimiter,
        metrics: APIMetrics
    ) {
        loop = context.loop
        redis = context.redis
        seenSales = context.seenSales
        log = context.log
        self.answers = answers
        self.witnesses = witnesses
        self.cache = cache
        self.limiter = limiter
        self.metrics = metrics
        lanes = Lanes(context, pendingMax: Self.pendingMax)
        loop.onEachPass(.gathered) { [weak self] in self?.sendBatches() }
        tick()
    }

    /// Purchases taken whose batch is not finished.
    var pending: Int { lanes.pending }

    /// Sales that have a lane.
    var laneCount: Int { lanes.count }

    // MARK: Gathering

    /// Takes a purchase; its exchange is answered now or later.
    func submit(
        _ sale: SaleID, buyer: Span<UInt8>, key: Span<UInt8>, quantity: Int, ticket: Span<UInt8>,
        _ charge: RateLimiter.Charge, _ exchange: Exchange
    ) {
        assert(charge.buyer == buyer.buyerHash, "charged to somebody else")
        if let decision = cache.decide(sale, buyer, hash: charge.buyer, key, quantity: quantity) {
            return answerFromMemory(decision, sale, quantity: quantity, charge, exchange)
        }
        guard redis.isReady else { return refuse(charge, exchange) }
        guard let lane = lanes.lane(for: sale) else {
            metrics.shed += 1
            return send(.overloaded(buyer), charge, exchange)
        }
        lane.gathering.append(buyer: buyer, key: key, quantity: quantity, ticket: ticket, charge, exchange)
        lanes.appended(to: lane)
    }

    private func answerFromMemory(
        _ decision: Decision, _ sale: SaleID, quantity: Int, _ charge: RateLimiter.Charge, _ exchange: Exchange
    ) {
        metrics.count(decision)
        if case .replayed = decision { limiter.refund(charge) }
        metrics.decisionLatency.record(microseconds: loop.now.microseconds(since: exchange.arrivedAt))
        // Only "not open yet" and "not your turn yet" need the time, and memory never gives these answers.
        let answer = PurchaseAnswer.to(
            decision, sale, quantity: quantity, now: UnixMilliseconds(0), jitter: 0, wasSeen: seenSales.contains(sale))
        send(answer, charge, exchange)
    }

    // MARK: Sending

    private func sendBatches() {
        guard redis.isReady else { return }
        lanes.sendNext(loop.now) { send($0, $1) }
        redis.flush()
    }

    private func send(_ lane: Lane<PurchaseBatch>, _ batch: PurchaseBatch) {
        guard let runID = redis.runID else { preconditionFailure("a batch was sent while Redis is down") }
        batch.stage = .sent
        metrics.batches += 1
        metrics.batchSize.record(batch.count)
        batch.call.begin(keys: lane.keys, [runID, "\(lane.sale)"])
        redis.run(
            batch.call,
            { [weak self] answer in
                guard let self else { return }
                switch answer {
                case .reply(let value): decided(lane, batch, value)
                case .failure(let error): failed(lane, batch, error)
                }
            },
            confirmed: { [weak self] confirmation in
                // A batch with an unusable reply has been finished already.
                guard let self, lane.inFlight === batch, batch.stage == .decided else { return }
                handleConfirmation(lane, batch, confirmation)
            })
    }

    /// Redis can be used again: batches that may have run are sent again.
    func redisBecameReady() { sendLost() }

    private func sendLost() {
        guard redis.isReady else { return }
        lanes.forEachInFlight { lane, batch in
            if batch.stage == .lost { send(lane, batch) }
        }
    }

    /// Redis is gone: purchases that were never sent are refused at once.
    func redisBecameUnavailable() {
        lanes.forEachInFlight { doubt($0, $1) }
        lanes.refuseUnsent { refuse($0.purchases[$1]) }
    }

    // MARK: Redis' decisions

    /// Keeps what Redis decided; no buyer is answered before it is confirmed.
    private func decided(_ lane: Lane<PurchaseBatch>, _ batch: PurchaseBatch, _ value: borrowing RedisValue) {
        batch.decisions.removeAll(keepingCapacity: true)
        guard reply.begin(value, count: batch.count) else {
            return undecided(lane, batch, "purchase.lua's reply does not have the promised form")
        }
        if reply.turnedAway {
            // Turned away this time. But if it was sent before and the answer was lost, it may have been decided then.
            if batch.mayHaveRun {
                batch.stage = .lost
                return
            }
            batch.turnedAway = true
        } else if seenSales.recordBatch(of: lane.sale, epoch: reply.epoch) {
            metrics.epochChanges += 1
        }
        for _ in 0..<batch.count {
            guard let decision = reply.decision(value) else {
                return undecided(lane, batch, "a detail in purchase.lua's reply does not have the promised form")
            }
            batch.decisions.append(decision)
        }
        batch.decidedAt = reply.now
        batch.remaining = reply.remaining
        batch.uuid = reply.uuid
        batch.stage = .decided
    }

    /// Answers a decided batch if the replicas have it; otherwise leaves it pending, or asks again.
    private func handleConfirmation(
        _ lane: Lane<PurchaseBatch>, _ batch: PurchaseBatch, _ confirmation: AsyncRedis.Confirmation
    ) {
        // A batch that was sent twice measures the fault rather than the round trip.
        if confirmation != .lost, !batch.mayHaveRun {
            lane.recordRoundTrip(until: loop.now)
            metrics.roundTrip.record(microseconds: loop.now.microseconds(since: lane.sentAt))
        }
        switch confirmation {
        case .confirmed:
            answer(lane.sale, batch)
            lanes.finish(lane)
        case .missed where batch.turnedAway, .lost where batch.turnedAway: refuse(lane, batch)
        case .missed: leavePending(lane, batch, "batch_unconfirmed")
        case .lost:
            // It was decided, but whether that survives is unknown. The same call, sent again, returns what does.
            batch.mayHaveRun = true
            batch.stage = .lost
        }
    }

    private func failed(_ lane: Lane<PurchaseBatch>, _ batch: PurchaseBatch, _ error: RedisError) {
        metrics.redisErrors += 1
        if error.effect == .unknown {
            guard error.code == .connectionLost || error.code == .timedOut else {
                return undecided(lane, batch, error.description)
            }
            batch.mayHaveRun = true
        }
        if batch.mayHaveRun {
            batch.stage = .lost
        } else {
            logBatch("batch_refused", lane, batch, error.description)
            refuse(lane, batch)
        }
    }

    /// Nothing was done.
    private func refuse(_ lane: Lane<PurchaseBatch>, _ batch: PurchaseBatch) {
        for index in batch.waiting { refuse(batch.purchases[index]) }
        lanes.finish(lane)
    }

    /// Redis' answer means neither yes nor no: no buyer is refused.
    private func undecided(_ lane: Lane<PurchaseBatch>, _ batch: PurchaseBatch, _ reason: String) {
        doubt(lane, batch)
        leavePending(lane, batch, "batch_undecided", reason)
    }

    private func leavePending(
        _ lane: Lane<PurchaseBatch>, _ batch: PurchaseBatch, _ event: StaticString, _ reason: String? = nil
    ) {
        logBatch(event, lane, batch, reason)
        for index in batch.waiting { leavePending(batch.purchases[index]) }
        lanes.finish(lane)
    }

    /// Nobody who may have won is told from memory that nothing is left.
    private func doubt(_ lane: Lane<PurchaseBatch>, _ batch: PurchaseBatch) {
        cache.doubt(lane.sale, batch.purchases.lazy.map(\.charge.buyer))
    }

    // MARK: Answering

    private func answer(_ sale: SaleID, _ batch: PurchaseBatch) {
        var lastPosition = 0
        for index in 0..<batch.count {
            let decision = batch.decisions[index]
            let purchase = batch.purchases[index]
            metrics.count(decision)
            switch decision {
            case .secured(let position, _):
                lastPosition = max(lastPosition, position)
                logWin(sale, position, purchase)
            case .replayed(let position, _):
                lastPosition = max(lastPosition, position)
                limiter.refund(purchase.charge)
            // Redis shows the buyer what is theirs here, too.
            case .limit(let orders):
                lastPosition = max(lastPosition, orders.split(separator: ",").compactMap { Int($0) }.max() ?? 0)
            default: break
            }
            guard index >= batch.expired else { continue }
            metrics.decisionLatency.record(microseconds: loop.now.microseconds(since: purchase.exchange.arrivedAt))
            let answer = PurchaseAnswer.to(
                decision, sale, quantity: purchase.quantity, now: batch.decidedAt, jitter: Int(purchase.jitter),
                wasSeen: seenSales.contains(sale))
            send(answer, purchase.charge, purchase.exchange)
        }
        if !batch.uuid.isEmpty { cache.decided(sale, position: lastPosition, remaining: batch.remaining) }
        if lastPosition > 0 {
            witnesses.recordWin(sale, uuid: batch.uuid, position: lastPosition, remaining: batch.remaining)
        }
    }

    /// Nothing was done.
    private func refuse(_ charge: RateLimiter.Charge, _ exchange: Exchange) {
        metrics.unavailable += 1
        send(.unavailable, charge, exchange)
    }

    private func refuse(_ purchase: PurchaseBatch.Purchase) { refuse(purchase.charge, purchase.exchange) }

    /// The purchase may have been decided.
    private func leavePending(_ purchase: PurchaseBatch.Purchase) {
        metrics.pending += 1
        send(.pending, purchase.charge, purchase.exchange)
    }

    /// Sends an answer. A buyer who comes back when the answer asks for it is not charged for that.
    private func send(_ answer: PurchaseAnswer, _ charge: RateLimiter.Charge, _ exchange: Exchange) {
        answers.send(answer, exchange)
        if let seconds = answer.retryAfterSeconds {
            limiter.expectReturn(charge, afterSeconds: seconds, now: loop.now)
        }
    }

    // MARK: Time

    /// Answers purchases whose time is up, and sends lost batches again.
    private func tick() {
        lanes.expire(
            loop.now, sent: { $0.turnedAway ? refuse($0.purchases[$1]) : leavePending($0.purchases[$1]) },
            unsent: { refuse($0.purchases[$1]) })
        lanes.forEachInFlight { lane, batch in
            if batch.stage == .lost, batch.waiting.isEmpty { lanes.finish(lane) }
        }
        sendLost()
        loop.schedule(afterMilliseconds: Self.tickMilliseconds) { [weak self] in self?.tick() }
    }

    // MARK: Logging

    private func logBatch(
        _ event: StaticString, _ lane: Lane<PurchaseBatch>, _ batch: PurchaseBatch, _ reason: String?
    ) {
        log.writeSeldom(.error, event, cause: "\(lane.sale) \(reason ?? "")") {
            $0.appendMember("sale", lane.sale)
            $0.appendMember("purchases", batch.count)
            if let reason { $0.appendMember("error", reason) }
        }
    }

    private func logWin(_ sale: SaleID, _ position: Int, _ purchase: PurchaseBatch.Purchase) {
        log.write(.info, "win") { line in
            line.appendMember("order")
            line.append("\"")
            line.appendOrderID(sale, position: position)
            line.append("\"")
            line.appendMember("quantity", purchase.quantity)
            line.appendMember("trace")
            line.append("\"")
            line.append(purchase.exchange.trace)
            line.append("\"")
        }
    }
}
