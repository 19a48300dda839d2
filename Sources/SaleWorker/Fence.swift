import EventLoop
import OrderStore
import Reconciliation
import RedisClient
import Shared

/// Lifts the fence of a sale: a Redis that was started anew may sell it once everything in its stream is stored, and both
/// stores tell the same story. A Redis that has forgotten something is completed first.
///
/// The run_id of a Redis can't change while a connection to it lives, so a sale is looked at once per connection, and then
/// only while it stays fenced, or where it has lost a part (`watch`).
final class Fence {
    /// How a sale stands with the Redis at the other end.
    private enum Status {
        /// This Redis may sell it.
        case lifted
        /// It may, and the database has yet to learn from it.
        case relearning(next: Instant)
        case fenced(nextCheck: Instant)
    }

    /// How long a fenced sale is left alone first: the API processes, which connect again within about two seconds, say how far
    /// they have told buyers of wins, in case neither store knows it any more.
    private static let witnessMilliseconds = 2500
    /// A comparison reads every buyer; a sale that stays fenced is looked at again once a second.
    private static let retryMilliseconds = 1000

    private let store: OrderStore
    private let metrics: WorkerMetrics
    private let log: Log
    /// Of sales that were looked at on this connection.
    private var statuses: [SaleID: Status] = [:]
    /// Sales that have been completed and not looked at since.
    private var repaired: Set<SaleID> = []
    /// What was said last of a sale that stays fenced, so that it is said once.
    private var said: [SaleID: String] = [:]

    init(store: OrderStore, metrics: WorkerMetrics, log: Log) {
        self.metrics = metrics
        self.store = store
        self.log = log
    }

    /// A new connection may lead to another Redis.
    func restart() { statuses = [:] }

    /// Something of a sale has gone from Redis: it is looked at afresh.
    func invalidate(_ sale: SaleID) {
        if case .lifted? = statuses[sale] { statuses[sale] = nil }
    }

    /// Looks at a sale whose stream has been read to its end, or is gone.
    func check(_ sale: SaleID, on redis: BlockingRedis, now: Instant) throws {
        switch statuses[sale] {
        case .lifted?: break
        case .fenced(let next)?: if next <= now { try reconcile(sale, on: redis, now: now) }
        case .relearning(let next)?: if next <= now { try firstCheck(sale, on: redis, now: now) }
        case nil: try firstCheck(sale, on: redis, now: now)
        }
    }

    /// Looks at how a sale stands now, nil where it has no hash, and at the highest position that a buyer was told of.
    func watch(_ sale: SaleID, _ status: SaleStatus?, told: Int, on redis: BlockingRedis) throws {
        guard let status, status.isWhole, status.servingRunID == redis.facts.runID else {
            return invalidate(sale)
        }
        guard told > status.position else { return }
        // An API process that was late, cut off maybe while the fence was lifted, has told buyers of positions that this
        // Redis has not given yet: they would be given twice. The sale is fenced again, and completed with what is known now.
        try redis.command(["HSET", RedisArgument(SaleKeys(sale).sale), "serving_run_id", ""])
        invalidate(sale)
        log.write(.error, "told_beyond") {
            $0.appendMember("sale", "\(sale)")
            $0.appendMember("position", status.position)
            $0.appendMember("told_position", told)
            $0.appendMember("hint", "an API process was cut off while Redis was completed; see docs/operations.md")
        }
    }

    private func firstCheck(_ sale: SaleID, on redis: BlockingRedis, now: Instant) throws {
        if try !redis.isServed(sale) {
            statuses[sale] = .fenced(nextCheck: now.advanced(milliseconds: Self.witnessMilliseconds))
        } else if try relearn(sale, on: redis) {
            statuses[sale] = .lifted
        } else {
            statuses[sale] = .relearning(next: now.advanced(milliseconds: Self.retryMilliseconds))
        }
    }

    private func reconcile(_ sale: SaleID, on redis: BlockingRedis, now: Instant) throws {
        statuses[sale] = .fenced(nextCheck: now.advanced(milliseconds: Self.retryMilliseconds))
        switch try Reconciler(redis: redis, store: store).reconcile(sale) {
        case .served: lift(sale)
        case .lifted(let orders):
            lift(sale)
            log.write(.info, "fence_lifted") {
                $0.appendMember("sale", "\(sale)")
                $0.appendMember("run_id", redis.facts.runID)
                $0.appendMember("orders", orders)
            }
        case .completed(let plan, let epoch):
            // The next look comes at once, and only once: what a repair did not settle must not be repaired in a circle.
            if repaired.insert(sale).inserted { statuses[sale] = .fenced(nextCheck: now) }
            completed(sale, plan, epoch)
        case .kept(let reasons): keep(sale, reasons)
        case .changed: break
        }
    }

    private func lift(_ sale: SaleID) {
        statuses[sale] = .lifted
        repaired.remove(sale)
        said[sale] = nil
    }

    private func completed(_ sale: SaleID, _ plan: RepairPlan, _ epoch: Int) {
        metrics.repairs += 1
        log.write(.warning, "redis_completed") {
            $0.appendMember("sale", "\(sale)")
            $0.appendMember("epoch", epoch)
            $0.appendMember("buyers_restored", plan.fields.count)
            $0.appendMember("orders_appended", plan.events.count)
            $0.appendMember("units_left", plan.remaining)
            $0.appendMember("position", plan.position)
            $0.appendMember("differences", plan.differences.count)
        }
        guard let loss = plan.loss else { return }
        log.write(.error, "orders_lost") {
            $0.appendMember("sale", "\(sale)")
            $0.appendMember("first_position", loss.positions.lowerBound)
            $0.appendMember("last_position", loss.positions.upperBound)
            $0.appendMember("units_withheld", loss.units)
            $0.appendMember("hint", "buyers were told of these; salectl release \(sale) puts their units on sale again")
        }
    }

    /// Has a database that was restored learn what Redis still knows; false where that has to be tried again.
    private func relearn(_ sale: SaleID, on redis: BlockingRedis) throws -> Bool {
        // It would mend what the bug breaks.
        if PlantedBug.noSetBack.isActive { return true }
        do {
            if let relearning = try Reconciler(redis: redis, store: store).relearn(sale) { relearned(sale, relearning) }
            return true
        } catch is SaleIsMoving {
            return false
        }
    }

    private func relearned(_ sale: SaleID, _ relearning: Relearning) {
        log.write(.warning, "database_older") {
            $0.appendMember("sale", "\(sale)")
            $0.appendMember("orders_appended", relearning.orders.count)
            $0.appendMember("positions_lost", relearning.losses.reduce(0) { $0 + $1.positions.count })
            $0.appendMember("hint", "the database lacks what Redis had acknowledged: was a backup restored?")
        }
    }

    /// The sale stays fenced: said plainly, once for each new reason.
    private func keep(_ sale: SaleID, _ reasons: [String]) {
        let reason = reasons.prefix(3).joined(separator: "; ")
        guard said.updateValue(reason, forKey: sale) != reason else { return }
        log.write(.error, "fence_kept") {
            $0.appendMember("sale", "\(sale)")
            $0.appendMember("differences", reasons.count)
            $0.appendMember("reason", reason)
            $0.appendMember("hint", "it sells nothing; salectl reconcile \(sale) shows both sides")
        }
    }
}

extension BlockingRedis {
    /// The highest position that any API process has told a buyer of; 0 where none has, or where there is no such sale.
    func witnessed(_ sale: SaleID) throws(RedisError) -> Int {
        let reply = try command(["HGET", RedisArgument(SaleKeys(sale).sale), "uuid"])
        guard let uuid = reply.value.string else { return 0 }
        return try witness(sale, uuid: uuid)?.position ?? 0
    }

    /// Whether this Redis may sell the sale.
    fileprivate func isServed(_ sale: SaleID) throws(RedisError) -> Bool {
        let reply = try command(["HGET", RedisArgument(SaleKeys(sale).sale), "serving_run_id"])
        let value = reply.value
        guard value.string == facts.runID else { return false }
        return try isComplete(sale)
    }
}
