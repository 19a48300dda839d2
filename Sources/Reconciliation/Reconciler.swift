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

    /// Reconciles a sale whose stream has been read to its end.
    package func reconcile(_ sale: SaleID) throws -> Outcome {
        var stored: StoredSale
        let live: RedisSale?
        do {
            if try redis.isServed(sale) { return .served }
            guard let found = try store.stored(sale) else {
                return .kept([Comparison.Difference.notInSQLite.description])
            }
            stored = found
            live = try RedisSale.read(sale, from: redis, beside: stored)
        } catch is SaleIsMoving {
            return .changed
        } catch let error as RedisError where error.code == .unexpectedReply {
            return .kept(["Redis lacks a part of the sale: \(error.message)"])
        }
        if live == nil, let reason = try Self.archived(stored, on: redis) { return .kept([reason]) }
        if let live, live.status.uuid == stored.record.uuid, stored.persistedPosition < live.status.persistedPosition {
            // The database is an older copy. Positions that were known to be lost are no gaps.
            for loss in Relearning(redis: live, sqlite: stored).losses { try store.record(loss, of: sale) }
            stored = try store.stored(sale) ?? stored
        }
        let witness = try redis.witness(sale, uuid: stored.record.uuid)
        switch RepairPlan.make(redis: live, sqlite: stored, witness: witness) {
        case .conflict(let differences): return .kept(differences.map(\.withoutBuyers))
        case .repair(let plan):
            let epoch = try store.beginEpoch(sale, above: live?.status.epoch ?? 0)
            if let loss = plan.loss {
                try store.record(loss, of: sale)
                stored.persistedPosition = try store.persistedPosition(of: sale) ?? stored.persistedPosition
            }
            return try redis.repair(stored, by: plan, epoch: epoch) ? .completed(plan, epoch: epoch) : .changed
        case .nothing:
            guard let live, try redis.stamp(live.status) else { return .changed }
            return .lifted(orders: stored.orders.count)
        }
    }

    /// Gives a database that is older than a sale's stream what neither of them has, and Redis still knows; nil if it
    /// is not older. For a sale that Redis serves, and whose stream has been read to its end. The sale goes on selling
    /// meanwhile, and may be too fast to be read (`SaleIsMoving`).
    package func relearn(_ sale: SaleID) throws -> Relearning? {
        guard let status = try redis.status(sale, allowingGaps: true),
            let position = try store.persistedPosition(of: sale), position < status.persistedPosition,
            let stored = try store.stored(sale),
            status.uuid == stored.record.uuid
        else { return nil }
        guard let live = try RedisSale.read(sale, from: redis, beside: stored) else { return nil }
        let relearning = Relearning(redis: live, sqlite: stored)
        for loss in relearning.losses { try store.record(loss, of: sale) }
        for order in relearning.orders { try redis.append(order, to: SaleKeys(sale).orders) }
        return relearning
    }

    /// Why a sale that Redis does not have must not be restored there; nil if it may. A database from before the
    /// archiving knows fewer orders than there are, and would sell their units again.
    package static func archived(_ stored: StoredSale, on redis: BlockingRedis) throws -> String? {
        if let at = stored.archivedAt { return "it was archived at \(at.rfc3339)" }
        guard try redis.isArchived(stored.record.sale) else { return nil }
        return "Redis has it among the archived sales, and this database is from before that: it may lack orders"
    }
}
