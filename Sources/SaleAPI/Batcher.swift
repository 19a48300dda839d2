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
    /// Sales with purchases under way that may be made up: such names must not cost memory. A sale that has been seen on
    /// Redis is let in beyond that, and keeps its lane.
    private static let lanesMax = 1024
    /// How often deadlines are looked at, and a batch whose answer was lost is sent again.
    private static let tickMilliseconds = 25

    private let loop: EventLoop
    private let redis: AsyncRedis
    private let answers: PurchaseAnswers
    private let known: KnownSales
    private let witnesses: Witnesses
    private let cache: EdgeCache
    private let limiter: RateLimiter
    private let metrics: APIMetrics
    private let log: Log
    private let batchMax: Int
    private let deadlineNanoseconds: UInt64
    /// The longest wait for its turn that a purchase is taken for. Half the deadline: the other half is for what nobody expects,
    /// such as a batch that has to be sent again.
    private let waitMaxNanoseconds: UInt64

    private var lanes: [SaleID: Lane] = [:]
    /// Lanes that have something to send.
    private var dirty: [SaleID] = []
    private var spare: [Batch] = []
    /// Purchases taken and not finished with.
    private(set) var pending = 0
    private var reply = PurchaseReply()

    init(
        loop: EventLoop, redis: AsyncRedis, answers: PurchaseAnswers, known: KnownSales, witnesses: Witnesses,
        cache: EdgeCache, limiter: RateLimiter, metrics: APIMetrics, log: Log, batchMax: Int, deadlineMilliseconds: Int
    ) {
        self.loop = loop
        self.redis = redis
        self.answers = answers
        self.known = known
        self.witnesses = witnesses
        self.cache = cache
        self.limiter = limiter
        self.metrics = metrics
        self.log = log
        self.batchMax = batchMax
        deadlineNanoseconds = UInt64(deadlineMilliseconds) * 1_000_000
        waitMaxNanoseconds = deadlineNanoseconds / 2
        loop.atEndOfPass { [weak self] in self?.sendBatches() }
        tick()
    }

    // MARK: Gathering

    /// Takes a purchase; its exchange is answered now or later.
    func submit(
        _ sale: SaleID, buyer: Span<UInt8>, key: Span<UInt8>, quantity: Int, ticket: Span<UInt8>,
        _ charge: RateLimiter.Charge, _ exchange: Exchange
    ) {
        if let decision = cache.decide(sale, buyer, key, quantity: quantity) {
            return answerFromMemory(decision, sale, quantity: quantity, charge, exchange)
        }
        guard redis.isReady else {
            willReturn(charge)
            return answers.unavailable(exchange)
        }
        guard pending < Self.pendingMax, let lane = lane(sale), lane.expectedWaitNanoseconds <= waitMaxNanoseconds
        else { return shed(buyer, charge, exchange) }
        if lane.gathering.count == 0 { dirty.append(sale) }
        lane.gathering.append(buyer: buyer, key: key, quantity: quantity, ticket: ticket, charge, exchange)
        pending += 1
        if lane.gathering.count == batchMax {
            lane.full.append(lane.gathering)
            lane.gathering = freshBatch()
            dirty.append(sale)
        }
    }

    private func answerFromMemory(
        _ decision: Decision, _ sale: SaleID, quantity: Int, _ charge: RateLimiter.Charge, _ exchange: Exchange
    ) {
        metrics.count(decision)
        if case .replayed = decision { limiter.refund(charge) }
        metrics.decisionLatency.record(microseconds: loop.now.microseconds(since: exchange.arrivedAt))
        // Only the answer that a sale is not open yet needs the time, and it is never given from here.
        answers.decided(
            decision, sale, quantity: quantity, now: UnixMilliseconds(0), jitter: 0, known: known, exchange)
    }

    /// Refuses at once what could not be decided in time, so that what has been taken can be.
    private func shed(_ buyer: Span<UInt8>, _ charge: RateLimiter.Charge, _ exchange: Exchange) {
        metrics.shed += 1
        let seconds = RetryAfter.seconds(
            base: PurchaseAnswers.retrySeconds, spread: PurchaseAnswers.overloadedSpreadSeconds, buyer: buyer)
        limiter.expectReturn(charge, afterSeconds: seconds, now: loop.now)
        answers.overloaded(exchange, retryAfterSeconds: seconds)
    }

    private func lane(_ sale: SaleID) -> Lane? {
        if let lane = lanes[sale] { return lane }
        guard lanes.count < Self.lanesMax || known.contains(sale) else { return nil }
        let lane = Lane(sale, gathering: freshBatch())
        lanes[sale] = lane
        return lane
    }

    /// Forgets the lane of a sale that was never there, once nobody waits in it.
    private func release(_ sale: SaleID, _ lane: Lane) {
        if lane.isIdle, !known.contains(sale) { lanes[sale] = nil }
    }

    /// Sales that have a lane.
    var laneCount: Int { lanes.count }

    private func freshBatch() -> Batch { spare.popLast() ?? Batch() }

    private func recycle(_ batch: Batch) {
        pending -= batch.count
        batch.clear()
        spare.append(batch)
    }

    // MARK: Sending

    private func sendBatches() {
        guard !dirty.isEmpty else { return }
        if redis.isReady {
            for sale in dirty {
                guard let lane = lanes[sale], lane.inFlight == nil else { continue }
                guard let batch = nextBatch(lane) else {
                    release(sale, lane)
                    continue
                }
                lane.inFlight = batch
                lane.sentAt = loop.now
                send(sale, lane)
            }
            redis.flush()
        }
        dirty.removeAll(keepingCapacity: true)
    }

    /// The lane's oldest batch that still has somebody to answer.
    private func nextBatch(_ lane: Lane) -> Batch? {
        while !lane.full.isEmpty || lane.gathering.count > 0 {
            let batch = lane.full.isEmpty ? lane.gathering : lane.full.removeFirst()
            if batch === lane.gathering { lane.gathering = freshBatch() }
            pending -= batch.expired
            batch.dropExpired()
            if batch.count > 0 { return batch }
            recycle(batch)
        }
        return nil
    }

    private func send(_ sale: SaleID, _ lane: Lane) {
        guard let batch = lane.inFlight, let runID = redis.runID else { return }
        lane.resend = false
        metrics.batches += 1
        metrics.batchSize.record(batch.count)
        batch.call.begin(keys: lane.keys, [runID, "\(sale)"])
        redis.run(
            batch.call,
            { [weak self] answer in
                guard let self else { return }
                switch answer {
                case .reply(let value): decided(sale, lane, value)
                case .failure(let error): failed(sale, lane, error)
                }
            },
            confirmed: { [weak self] confirmation in
                // A reply that could not be used has been dealt with already.
                guard let self, lane.inFlight === batch, batch.decisions.count == batch.count else { return }
                settle(sale, lane, batch, confirmation)
            })
    }

    /// Redis can be used again: what may have run is asked about again, in the same words.
    func redisBecameReady() {
        for (sale, lane) in lanes where lane.resend { send(sale, lane) }
        for (sale, lane) in lanes where !lane.isIdle { dirty.append(sale) }
    }

    /// Redis is gone: what was never sent is refused at once.
    func redisBecameUnavailable() {
        for (sale, lane) in lanes {
            for batch in lane.full + [lane.gathering] {
                for purchase in batch.purchases[batch.expired...] { refuse(purchase) }
                recycle(batch)
            }
            lane.full = []
            lane.gathering = freshBatch()
            release(sale, lane)
        }
    }

    // MARK: Answering

    /// Keeps what Redis decided; nobody is told before it is known to be safe.
    private func decided(_ sale: SaleID, _ lane: Lane, _ value: borrowing RedisValue) {
        guard let batch = lane.inFlight else { preconditionFailure("a decision without a batch") }
        batch.decisions.removeAll(keepingCapacity: true)
        guard reply.begin(value, count: batch.count) else {
            return undecided(sale, lane, "purchase.lua answered in another form than it promises")
        }
        if reply.turnedAway {
            // Turned away this time; but if it was sent before and the answer lost, it may have been decided then.
            if batch.mayHaveRun {
                lane.resend = true
                return
            }
        } else {
            known.insert(sale)
            if lane.sees(epoch: value[0].integer ?? 0) { metrics.epochChanges += 1 }
        }
        for _ in 0..<batch.count {
            guard let decision = reply.decision(value) else {
                return undecided(sale, lane, "purchase.lua gave a detail of another form than it promises")
            }
            batch.decisions.append(decision)
        }
        batch.decidedAt = reply.now
        batch.remaining = reply.remaining
        batch.uuid = reply.uuid
    }

    /// Nothing was done.
    private func refuse(_ purchase: Batch.Purchase) {
        willReturn(purchase.charge)
        answers.unavailable(purchase.exchange)
    }

    /// It may have been decided.
    private func leaveOpen(_ purchase: Batch.Purchase) {
        metrics.pending += 1
        willReturn(purchase.charge)
        answers.pending(purchase.exchange)
    }

    /// The answer says when to ask again: whoever does is not charged for it.
    private func willReturn(_ charge: RateLimiter.Charge) {
        limiter.expectReturn(charge, afterSeconds: PurchaseAnswers.retrySeconds, now: loop.now)
    }

    private func settle(_ sale: SaleID, _ lane: Lane, _ batch: Batch, _ confirmation: AsyncRedis.Confirmation) {
        // One that had to be sent again says more of what was broken than of how long a turn takes.
        if confirmation != .lost, !batch.mayHaveRun {
            lane.tookTurn(until: loop.now)
            metrics.roundTrip.record(microseconds: loop.now.microseconds(since: lane.sentAt))
        }
        switch confirmation {
        case .confirmed: answer(sale, batch)
        case .missed:
            log.write(.error, "batch_unconfirmed") {
                $0.appendMember("sale", "\(sale)")
                $0.appendMember("purchases", batch.count)
            }
            for purchase in batch.purchases[batch.expired...] { leaveOpen(purchase) }
        case .lost:
            // It was decided, and whether that survives is open: asked again, in the same words, it is told.
            batch.mayHaveRun = true
            lane.resend = true
            return
        }
        finish(sale, lane)
    }

    private func answer(_ sale: SaleID, _ batch: Batch) {
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
            case .fenced, .unknownSale, .notOpen, .paused: willReturn(purchase.charge)
            case .turn(.notYet(let turn)):
                let seconds = RetryAfter.seconds(until: turn, now: batch.decidedAt, jitter: Int(purchase.jitter))
                limiter.expectReturn(purchase.charge, afterSeconds: seconds, now: loop.now)
            default: break
            }
            guard index >= batch.expired else { continue }
            metrics.decisionLatency.record(microseconds: loop.now.microseconds(since: purchase.exchange.arrivedAt))
            answers.decided(
                decision, sale, quantity: purchase.quantity, now: batch.decidedAt, jitter: Int(purchase.jitter),
                known: known, purchase.exchange)
        }
        if !batch.uuid.isEmpty { cache.decided(sale, position: lastPosition, remaining: batch.remaining) }
        if lastPosition > 0 {
            witnesses.told(sale, uuid: batch.uuid, position: lastPosition, remaining: batch.remaining)
        }
    }

    private func failed(_ sale: SaleID, _ lane: Lane, _ error: RedisError) {
        guard let batch = lane.inFlight else { preconditionFailure("a failure without a batch") }
        metrics.redisErrors += 1
        if error.effect == .unknown {
            guard error.code == .connectionLost || error.code == .timedOut else {
                return undecided(sale, lane, error.description)
            }
            batch.mayHaveRun = true
        }
        if batch.mayHaveRun {
            lane.resend = true
        } else {
            log.write(.error, "batch_refused") {
                $0.appendMember("sale", "\(sale)")
                $0.appendMember("purchases", batch.count)
                $0.appendMember("error", error.description)
            }
            for purchase in batch.purchases[batch.expired...] { refuse(purchase) }
            finish(sale, lane)
        }
        if error.needsReconnect, error.code != .connectionLost { redis.reconnect(because: error.description) }
    }

    /// Redis said something that tells neither yes nor no: nobody is told no.
    private func undecided(_ sale: SaleID, _ lane: Lane, _ reason: String) {
        guard let batch = lane.inFlight else { return }
        log.write(.error, "batch_undecided") {
            $0.appendMember("sale", "\(sale)")
            $0.appendMember("purchases", batch.count)
            $0.appendMember("error", reason)
        }
        for purchase in batch.purchases[batch.expired...] { leaveOpen(purchase) }
        finish(sale, lane)
    }

    private func finish(_ sale: SaleID, _ lane: Lane) {
        if let batch = lane.inFlight { recycle(batch) }
        lane.inFlight = nil
        lane.resend = false
        if lane.isIdle { release(sale, lane) } else { dirty.append(sale) }
    }

    // MARK: Time

    /// Answers those whose time is up, and sends again what is waiting for that.
    private func tick() {
        let now = loop.now.nanoseconds
        for (sale, lane) in lanes where !lane.isIdle {
            if let batch = lane.inFlight {
                expire(batch, now) { leaveOpen($0) }
                if lane.resend {
                    if batch.expired == batch.count {
                        finish(sale, lane)
                    } else if redis.isReady {
                        send(sale, lane)
                    }
                }
            }
            for batch in lane.full + [lane.gathering] { expire(batch, now) { refuse($0) } }
        }
        loop.schedule(afterMilliseconds: Self.tickMilliseconds) { [weak self] in self?.tick() }
    }

    /// Answers the purchases of a batch that have waited too long; they came in order, so they are at its front.
    private func expire(_ batch: Batch, _ now: UInt64, _ answer: (Batch.Purchase) -> Void) {
        while batch.expired < batch.count {
            let purchase = batch.purchases[batch.expired]
            guard now > purchase.exchange.arrivedAt.nanoseconds + deadlineNanoseconds else { return }
            batch.expired += 1
            answer(purchase)
        }
    }

    private func logWin(_ sale: SaleID, _ position: Int, _ purchase: Batch.Purchase) {
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
