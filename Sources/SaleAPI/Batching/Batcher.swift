import EventLoop
import HTTPEdge
import RedisClient
import Shared

/// Decides purchases: all that arrive in one loop pass leave as one script call, and while it runs the next batch
/// gathers.
///
/// A purchase is answered exactly once: with Redis' decision, with 202 when its time is up and it may have been
/// decided, or with 503 when it certainly was not.
final class Batcher {
    /// HMGET and HSET take one and two words a purchase from Lua's stack of 8000 (LUAI_MAXCSTACK).
    static let batchMaxLimit = 1000
    /// Purchases that may wait at once, whatever they wait for. Each holds about 200 bytes of arguments: 3.2 MiB. At 50,000
    /// decisions a second these are 0.33 s of work.
    static let pendingMax = 16_384
    /// How often deadlines are looked at, and a batch whose answer was lost is sent again.
    private static let tickMilliseconds = 25

    private let loop: EventLoop
    private let redis: AsyncRedis
    private let answers: PurchaseAnswers
    private let seenSales: SeenSales
    private let witnesses: Witnesses
    private let cache: EdgeCache
    private let limiter: RateLimiter
    private let metrics: APIMetrics
    private let log: Log
    private let lanes: Lanes<PurchaseBatch>
    private var reply = PurchaseReply()

    init(
        loop: EventLoop, redis: AsyncRedis, answers: PurchaseAnswers, seenSales: SeenSales, witnesses: Witnesses,
        cache: EdgeCache, limiter: RateLimiter, metrics: APIMetrics, log: Log, batchMax: Int, deadlineMilliseconds: Int
    ) {
        self.loop = loop
        self.redis = redis
        self.answers = answers
        self.seenSales = seenSales
        self.witnesses = witnesses
        self.cache = cache
        self.limiter = limiter
        self.metrics = metrics
        self.log = log
        lanes = Lanes(
            seenSales: seenSales, batchMax: batchMax, pendingMax: Self.pendingMax,
            patience: UInt64(deadlineMilliseconds) * 1_000_000)
        loop.atEndOfPass { [weak self] in self?.sendBatches() }
        tick()
    }

    /// Purchases taken and not finished with.
    var pending: Int { lanes.pending }

    /// Sales that have a lane.
    var laneCount: Int { lanes.count }

    // MARK: Gathering

    /// Takes a purchase; its exchange is answered now or later.
    func submit(
        _ sale: SaleID, buyer: Span<UInt8>, key: Span<UInt8>, quantity: Int, ticket: Span<UInt8>,
        _ charge: RateLimiter.Charge, _ exchange: Exchange
    ) {
        if let decision = cache.decide(sale, buyer, key, quantity: quantity) {
            return answerFromMemory(decision, sale, quantity: quantity, charge, exchange)
        }
        guard redis.isReady else { return willReturn(charge, answers.unavailable(exchange)) }
        guard let lane = lanes.lane(for: sale) else {
            metrics.shed += 1
            return willReturn(charge, answers.overloaded(buyer, exchange))
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
        // Only the answer that a sale is not open yet needs the time, and it is never given from here.
        let seconds = answers.decided(
            decision, sale, quantity: quantity, now: UnixMilliseconds(0), jitter: 0, seenSales: seenSales, exchange)
        if let seconds { willReturn(charge, seconds) }
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
                // A reply that could not be used has been dealt with already.
                guard let self, lane.inFlight === batch, batch.stage == .decided else { return }
                handleConfirmation(lane, batch, confirmation)
            })
    }

    /// Redis can be used again: what may have run is asked about again.
    func redisBecameReady() { sendLost() }

    private func sendLost() {
        guard redis.isReady else { return }
        lanes.forEachInFlight { lane, batch in
            if batch.stage == .lost { send(lane, batch) }
        }
    }

    /// Redis is gone: what was never sent is refused at once.
    func redisBecameUnavailable() { lanes.refuseUnsent { refuse($0.purchases[$1]) } }

    // MARK: Answering

    /// Keeps what Redis decided; nobody is told before it is known to be safe.
    private func decided(_ lane: Lane<PurchaseBatch>, _ batch: PurchaseBatch, _ value: borrowing RedisValue) {
        batch.decisions.removeAll(keepingCapacity: true)
        guard reply.begin(value, count: batch.count) else {
            return undecided(lane, batch, "purchase.lua answered in another form than it promises")
        }
        if reply.turnedAway {
            // Turned away this time; but if it was sent before and the answer lost, it may have been decided then.
            if batch.mayHaveRun {
                batch.stage = .lost
                return
            }
        } else if seenSales.recordBatch(of: lane.sale, epoch: value[0].integer ?? 0) {
            metrics.epochChanges += 1
        }
        for _ in 0..<batch.count {
            guard let decision = reply.decision(value) else {
                return undecided(lane, batch, "purchase.lua gave a detail of another form than it promises")
            }
            batch.decisions.append(decision)
        }
        batch.decidedAt = reply.now
        batch.remaining = reply.remaining
        batch.uuid = reply.uuid
        batch.stage = .decided
    }

    /// Nothing was done.
    private func refuse(_ purchase: PurchaseBatch.Purchase) {
        willReturn(purchase.charge, answers.unavailable(purchase.exchange))
    }

    /// It may have been decided.
    private func leaveOpen(_ purchase: PurchaseBatch.Purchase) {
        metrics.pending += 1
        willReturn(purchase.charge, answers.pending(purchase.exchange))
    }

    /// The answer says when to ask again: whoever does is not charged for it.
    private func willReturn(_ charge: RateLimiter.Charge, _ seconds: Int) {
        limiter.expectReturn(charge, afterSeconds: seconds, now: loop.now)
    }

    private func handleConfirmation(
        _ lane: Lane<PurchaseBatch>, _ batch: PurchaseBatch, _ confirmation: AsyncRedis.Confirmation
    ) {
        // One that had to be sent again says more of what was broken than of how long a turn takes.
        if confirmation != .lost, !batch.mayHaveRun {
            lane.recordRoundTrip(until: loop.now)
            metrics.roundTrip.record(microseconds: loop.now.microseconds(since: lane.sentAt))
        }
        switch confirmation {
        case .confirmed:
            answer(lane.sale, batch)
            lanes.finish(lane)
        case .missed: leaveOpen(lane, batch, "batch_unconfirmed")
        case .lost:
            // It was decided, and whether that survives is open: asked again, in the same words, it is told.
            batch.mayHaveRun = true
            batch.stage = .lost
        }
    }

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
            default: break
            }
            guard index >= batch.expired else { continue }
            metrics.decisionLatency.record(microseconds: loop.now.microseconds(since: purchase.exchange.arrivedAt))
            let seconds = answers.decided(
                decision, sale, quantity: purchase.quantity, now: batch.decidedAt, jitter: Int(purchase.jitter),
                seenSales: seenSales, purchase.exchange)
            if let seconds { willReturn(purchase.charge, seconds) }
        }
        if !batch.uuid.isEmpty { cache.decided(sale, position: lastPosition, remaining: batch.remaining) }
        if lastPosition > 0 {
            witnesses.told(sale, uuid: batch.uuid, position: lastPosition, remaining: batch.remaining)
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
            for index in batch.waiting { refuse(batch.purchases[index]) }
            lanes.finish(lane)
        }
        if error.needsReconnect, error.code != .connectionLost { redis.reconnect(because: error.description) }
    }

    /// Redis said something that tells neither yes nor no: nobody is told no.
    private func undecided(_ lane: Lane<PurchaseBatch>, _ batch: PurchaseBatch, _ reason: String) {
        leaveOpen(lane, batch, "batch_undecided", reason)
    }

    private func leaveOpen(
        _ lane: Lane<PurchaseBatch>, _ batch: PurchaseBatch, _ event: StaticString, _ reason: String? = nil
    ) {
        logBatch(event, lane, batch, reason)
        for index in batch.waiting { leaveOpen(batch.purchases[index]) }
        lanes.finish(lane)
    }

    // MARK: Time

    /// Answers those whose time is up, and sends again what is waiting for that.
    private func tick() {
        lanes.expire(loop.now, sent: { leaveOpen($0.purchases[$1]) }, unsent: { refuse($0.purchases[$1]) })
        lanes.forEachInFlight { lane, batch in
            if batch.stage == .lost, batch.waiting.isEmpty { lanes.finish(lane) }
        }
        sendLost()
        loop.schedule(afterMilliseconds: Self.tickMilliseconds) { [weak self] in self?.tick() }
    }

    private func logBatch(
        _ event: StaticString, _ lane: Lane<PurchaseBatch>, _ batch: PurchaseBatch, _ reason: String?
    ) {
        log.write(.error, event) {
            $0.appendMember("sale", "\(lane.sale)")
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
