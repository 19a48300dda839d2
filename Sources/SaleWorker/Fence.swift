import EventLoop
import OrderStore
import Reconciliation
import RedisClient
import Shared

/// Lifts the fence of a sale: a restarted Redis may sell it once everything in its stream is stored and both stores are
/// equal. A Redis that has forgotten something is completed first.
///
/// The run_id of a Redis can't change while a connection to it lives, so a sale is checked once per connection, and
/// after that only while it stays fenced or if Redis has lost a part of it (`watch`).
final class Fence {
    /// The status of a sale on the connected Redis.
    private enum Status {
        /// This Redis may sell it.
        case lifted
        /// This Redis may sell it, and the database still has to learn from it.
        case relearning(nextCheck: Instant)
        case fenced(nextCheck: Instant)
    }

    /// A comparison reads every buyer, so a sale that stays fenced is checked only once a second.
    private static let retryMilliseconds = 1000

    private let store: OrderStore
    private let metrics: WorkerMetrics
    private let log: Log
    /// Of the sales that were checked on this connection.
    private var statuses: [SaleID: Status] = [:]
    /// Sales that have been completed and not been found equal since.
    private var repaired: Set<SaleID> = []
    /// The last logged reason why a sale stays fenced, so that each is logged once.
    private var loggedReasons: [SaleID: String] = [:]

    init(store: OrderStore, metrics: WorkerMetrics, log: Log) {
        self.metrics = metrics
        self.store = store
        self.log = log
    }

    /// Forgets every status: a new connection may lead to another Redis.
    func restart() { statuses = [:] }

    /// Removes the stamp of another Redis from a sale, at once. That one may become a copy of this one and then the
    /// primary again without a restart (a failover there and back), and its own stamp would let it sell, whatever this
    /// one has forgotten.
    func removeForeignStamp(_ sale: SaleID, on redis: BlockingRedis) throws(RedisError) {
        guard let stamp = try redis.servingRunID(of: sale), !stamp.isEmpty, stamp != redis.facts.runID else { return }
        try redis.fence(sale)
    }

    /// Redis has lost a part of a sale. If its fence is lifted, it is checked as on a new connection.
    func invalidate(_ sale: SaleID) {
        if case .lifted? = statuses[sale] { statuses[sale] = nil }
    }

    /// Checks a sale whose stream has been read to its end, or is gone.
    func check(_ sale: SaleID, on redis: BlockingRedis, now: Instant) throws {
        switch statuses[sale] {
        case .lifted?: break
        case .fenced(let next)?: if next <= now { try reconcile(sale, on: redis, now: now) }
        case .relearning(let next)?: if next <= now { try firstCheck(sale, on: redis, now: now) }
        case nil: try firstCheck(sale, on: redis, now: now)
        }
    }

    /// Looks for damage to a sale whose fence is lifted.
    ///
    /// - Parameters:
    ///   - status: the sale's status; nil if it has no hash.
    ///   - confirmed: the highest position that was confirmed to a buyer, read before the status.
    func watch(_ sale: SaleID, _ status: SaleStatus?, confirmed: Int, on redis: BlockingRedis) throws {
        guard let status, status.isServed(by: redis.facts.runID) else { return invalidate(sale) }
        if status.settings.waitingRoom != nil, let last = try redis.restoreLastTicket(sale) {
            log.write(.error, "waiting_room_restored") {
                $0.appendMember("sale", sale)
                $0.appendMember("position", last)
                $0.appendMember("hint", "somebody had deleted \(SaleKeys(sale).joined), and nobody could join")
            }
        }
        guard confirmed > status.position else { return }
        // An API process that was late, perhaps cut off while the fence was lifted, has confirmed positions that this
        // Redis has not given yet and would give again. Fence the sale once more, and complete it with what is known
        // now.
        try redis.fence(sale)
        invalidate(sale)
        log.write(.error, "told_beyond") {
            $0.appendMember("sale", sale)
            $0.appendMember("position", status.position)
            $0.appendMember("told_position", confirmed)
            $0.appendMember("hint", "an API process was cut off while Redis was completed; see docs/operations.md")
        }
    }

    private func firstCheck(_ sale: SaleID, on redis: BlockingRedis, now: Instant) throws {
        if try !redis.isServed(sale) {
            statuses[sale] = .fenced(nextCheck: now.advanced(milliseconds: Reconciler.witnessMilliseconds))
        } else if try relearn(sale, on: redis) {
            statuses[sale] = .lifted
        } else {
            statuses[sale] = .relearning(nextCheck: now.advanced(milliseconds: Self.retryMilliseconds))
        }
    }

    private func reconcile(_ sale: SaleID, on redis: BlockingRedis, now: Instant) throws {
        statuses[sale] = .fenced(nextCheck: now.advanced(milliseconds: Self.retryMilliseconds))
        switch try Reconciler(redis: redis, store: store).reconcile(sale, onLoss: { logLost(sale, $0) }) {
        case .served: lift(sale)
        case .lifted(let orders):
            lift(sale)
            log.write(.info, "fence_lifted") {
                $0.appendMember("sale", sale)
                $0.appendMember("run_id", redis.facts.runID)
                $0.appendMember("orders", orders)
            }
        case .completed(let plan, let epoch):
            // The next check follows at once, but only once: if a repair did not help, it must not be repeated in a
            // loop.
            if repaired.insert(sale).inserted { statuses[sale] = .fenced(nextCheck: now) }
            metrics.repairs += 1
            logCompleted(sale, plan, epoch)
        case .kept(let reasons): logKept(sale, reasons)
        case .changed: break
        }
    }

    private func lift(_ sale: SaleID) {
        statuses[sale] = .lifted
        repaired.remove(sale)
        loggedReasons[sale] = nil
    }

    /// Has a restored database learn what Redis still knows. Returns false if that must be tried again.
    private func relearn(_ sale: SaleID, on redis: BlockingRedis) throws -> Bool {
        // It would repair what the bug breaks.
        if PlantedBug.noSetBack.isActive { return true }
        do {
            let reconciler = Reconciler(redis: redis, store: store)
            if let relearning = try reconciler.relearn(sale, onLoss: { logLost(sale, $0) }) {
                logRelearned(sale, relearning)
            }
            return true
        } catch is SaleIsMoving {
            return false
        }
    }

    // MARK: Log

    private func logCompleted(_ sale: SaleID, _ plan: RepairPlan, _ epoch: Int) {
        log.write(.warning, "redis_completed") {
            $0.appendMember("sale", sale)
            $0.appendMember("epoch", epoch)
            $0.appendMember("buyers_restored", plan.fields.count)
            $0.appendMember("orders_appended", plan.events.count)
            $0.appendMember("units_left", plan.remaining)
            $0.appendMember("position", plan.position)
            $0.appendMember("differences", plan.differences.count)
        }
    }

    private func logLost(_ sale: SaleID, _ loss: StoredSale.Loss) {
        log.write(.error, "orders_lost") {
            $0.appendMember("sale", sale)
            $0.appendMember("first_position", loss.positions.lowerBound)
            $0.appendMember("last_position", loss.positions.upperBound)
            $0.appendMember("units_withheld", loss.units)
            $0.appendMember(
                "hint", "these were confirmed to buyers; salectl release \(sale) puts their units on sale again")
        }
    }

    private func logRelearned(_ sale: SaleID, _ relearning: Relearning) {
        log.write(.warning, "database_older") {
            $0.appendMember("sale", sale)
            $0.appendMember("orders_appended", relearning.orders.count)
            $0.appendMember("positions_lost", relearning.losses.reduce(0) { $0 + $1.positions.count })
            $0.appendMember("hint", "the database lacks what Redis had acknowledged: was a backup restored?")
        }
    }

    /// Logs why a sale stays fenced, once for each new reason.
    private func logKept(_ sale: SaleID, _ reasons: [String]) {
        let reason = reasons.prefix(3).joined(separator: "; ")
        guard loggedReasons.updateValue(reason, forKey: sale) != reason else { return }
        log.write(.error, "fence_kept") {
            $0.appendMember("sale", sale)
            $0.appendMember("differences", reasons.count)
            $0.appendMember("reason", reason)
            $0.appendMember("hint", "it sells nothing; salectl reconcile \(sale) shows both sides")
        }
    }
}
