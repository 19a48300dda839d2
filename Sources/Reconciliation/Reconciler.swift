package import OrderStore
package import RedisClient
package import Shared

/// Compares one sale in both stores and, if Redis has lost something, completes it. For the holder of the database's
/// lock: the worker, or salectl while no worker runs.
package struct Reconciler {
    /// The outcome of one attempt.
    package enum Outcome: Equatable, Sendable {
        /// This Redis may sell it already.
        case served
        /// Both agree; the fence is lifted.
        case lifted(orders: Int)
        /// Redis has been completed, under a new epoch; the next attempt will lift the fence.
        case completed(RepairPlan, epoch: Int)
        /// They contradict each other, or SQLite does not know the sale: it stays fenced. The reasons, each a sentence
        /// without what a buyer has sent.
        case kept([String])
        /// It changed while it was read.
        case changed
    }

    /// How long a fenced sale is left alone before the first attempt. The API processes reconnect within about two
    /// seconds and report the highest position that they have confirmed, in case neither store has it any more.
    package static let witnessMilliseconds = 2500

    private let redis: BlockingRedis
    private let store: OrderStore

    package init(redis: BlockingRedis, store: OrderStore) {
        self.redis = redis
        self.store = store
    }

    /// What an attempt at a sale would come to; it changes nothing.
    package struct Diagnosis {
        /// The outcome, unless the sale changes meanwhile.
        package let outcome: Outcome
        /// What would be recorded first: positions that neither store has.
        package var losses: [StoredSale.Loss] = []
        fileprivate var live: RedisSale?
        fileprivate var stored: StoredSale?
    }

    /// Diagnoses a sale whose stream has been read to its end; `stored` is what SQLite has of it.
    package static func diagnose(
        _ sale: SaleID, on redis: BlockingRedis, stored: @autoclosure () throws -> StoredSale?
    ) throws -> Diagnosis {
        do {
            if try redis.isServed(sale) { return Diagnosis(outcome: .served) }
            guard var stored = try stored() else {
                return Diagnosis(outcome: .kept([Comparison.Difference.notInSQLite.description]))
            }
            let live = try RedisSale.read(sale, from: redis, beside: stored)
            if live == nil, let reason = try archived(stored, on: redis) {
                return Diagnosis(outcome: .kept([reason]))
            }
            var losses: [StoredSale.Loss] = []
            if let live, Relearning.isNeeded(redis: live.status, sqlite: stored) {
                // Positions that are known to be lost are no gaps.
                losses = Relearning(redis: live, sqlite: stored).losses
                stored.losses = (stored.losses + losses).sorted { $0.positions.lowerBound < $1.positions.lowerBound }
            }
            let witness = try redis.witness(sale, uuid: stored.record.uuid)
            switch RepairPlan.make(redis: live, sqlite: stored, witness: witness) {
            case .conflict(let differences): return Diagnosis(outcome: .kept(differences.map(\.withoutBuyers)))
            case .repair(let plan):
                let epoch = stored.nextEpoch(above: live?.status.epoch ?? 0)
                if let loss = plan.loss { losses.append(loss) }
                return Diagnosis(
                    outcome: .completed(plan, epoch: epoch), losses: losses, live: live, stored: stored)
            case .nothing:
                return Diagnosis(
                    outcome: .lifted(orders: stored.orders.count), losses: losses, live: live, stored: stored)
            }
        } catch is SaleIsMoving {
            return Diagnosis(outcome: .changed)
        } catch let error as RedisError where error.code == .unexpectedReply {
            return Diagnosis(outcome: .kept(["Redis lacks a part of the sale: \(error.message)"]))
        }
    }

    /// Reconciles a sale whose stream has been read to its end. Calls `onLoss` with every loss as soon as it is
    /// recorded: even if a later step fails, the next attempt does not find it again.
    package func reconcile(_ sale: SaleID, onLoss: (StoredSale.Loss) -> Void) throws -> Outcome {
        let diagnosis = try Self.diagnose(sale, on: redis, stored: store.stored(sale))
        try record(diagnosis.losses, of: sale, onLoss)
        switch diagnosis.outcome {
        case .served, .kept, .changed: return diagnosis.outcome
        case .lifted:
            guard let live = diagnosis.live, try redis.stamp(live.status) else { return .changed }
            return diagnosis.outcome
        case .completed(let plan, _):
            guard var stored = diagnosis.stored else { return .changed }
            let epoch = try store.beginEpoch(sale, above: diagnosis.live?.status.epoch ?? 0)
            // What is recorded as lost is accounted for.
            stored.persistedPosition = try store.persistedPosition(of: sale) ?? stored.persistedPosition
            return try redis.repair(stored, by: plan, epoch: epoch) ? .completed(plan, epoch: epoch) : .changed
        }
    }

    /// Gives a database that is older than a sale's stream what neither of them has, and Redis still knows; nil if it
    /// is not older. For a sale that Redis serves, and whose stream has been read to its end. The sale goes on selling
    /// meanwhile, and may be too fast to be read (`SaleIsMoving`). Calls `onLoss` as `reconcile` does.
    package func relearn(_ sale: SaleID, onLoss: (StoredSale.Loss) -> Void) throws -> Relearning? {
        guard let status = try redis.status(sale, allowingGaps: true),
            let position = try store.persistedPosition(of: sale), position < status.persistedPosition,
            let stored = try store.stored(sale), Relearning.isNeeded(redis: status, sqlite: stored),
            let live = try RedisSale.read(sale, from: redis, beside: stored)
        else { return nil }
        let relearning = Relearning(redis: live, sqlite: stored)
        try record(relearning.losses, of: sale, onLoss)
        for order in relearning.orders { try redis.append(order, to: SaleKeys(sale).orders) }
        // It has forgotten what it withheld, or never had to: a completion tells it.
        if !relearning.losses.isEmpty, relearning.withheld != live.withheld { try redis.fence(sale) }
        return relearning
    }

    private func record(
        _ losses: [StoredSale.Loss], of sale: SaleID, _ onLoss: (StoredSale.Loss) -> Void
    ) throws(StoreError) {
        for loss in losses {
            try store.record(loss, of: sale)
            onLoss(loss)
        }
    }

    /// Why a sale that Redis does not have must not be restored there; nil if it may. A database from before the
    /// archiving knows fewer orders than there are, and would sell their units again.
    private static func archived(_ stored: StoredSale, on redis: BlockingRedis) throws -> String? {
        if let at = stored.archivedAt { return "it was archived at \(at.rfc3339)" }
        guard try redis.isArchived(stored.record.sale) else { return nil }
        return "Redis has it among the archived sales, and this database is from before that: it may lack orders"
    }
}
