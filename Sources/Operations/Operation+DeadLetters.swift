import OrderStore
import RedisClient
import Shared

extension Operation.DeadLetters {
    func redrive(_ store: OrderStore, _ redis: BlockingRedis, _ lease: WorkerLease) throws -> String {
        let given = try given(store, redis)
        // It may have been given meanwhile, and the order that got it still be on the stream.
        if try ids.contains(where: { try store.claimsPositionNotGiven(sale, $0) }) {
            _ = try requireReadToItsEnd(given, store, redis)
        }
        store.noteGiven(given, of: sale)
        let status = try redis.status(sale, allowingGaps: true)
        let live = status?.servingRunID == redis.facts.runID ? status : nil
        var (results, persisted) = try store.redrive(sale, ids, reason: reason, live: live, rehearsing: isRehearsal)
        if !isRehearsal {
            try acknowledge(results, persisted, redis, lease)
            try fence(where: \.isStored, &results, store, redis)
        }
        return DeadLetterResults(results).json
    }

    func discard(_ store: OrderStore, _ redis: BlockingRedis) throws -> String {
        // Before the sale is stopped, perhaps in vain: SQLite's word is enough, as the stream must be read to its end.
        try refuseIfSold(store)
        // Until it has been compared again, nothing more is sold of a restock that may be discarded.
        let isFenced = try !isRehearsal && undecidedRestock(store) > 0
        if isFenced { try redis.fence(sale) }
        let given = try requireReadToItsEnd(
            given(store, redis), store, redis,
            hint: isFenced ? "; \(sale) is fenced until the worker has compared it" : "")
        var results = try store.discard(sale, ids, reason: reason, given: given, rehearsing: isRehearsal)
        if !isRehearsal { try fence(where: \.isDiscarded, &results, store, redis) }
        return DeadLetterResults(results).json
    }

    /// Units of the restocks among the letters that Redis sells with.
    private func undecidedRestock(_ store: OrderStore) throws -> Int {
        try store.undecidedRestocks(of: sale).reduce(0) { $0 + (ids.contains($1.streamID) ? $1.units : 0) }
    }

    /// Refuses to discard restocks of which units are sold: there would be more orders than units.
    private func refuseIfSold(_ store: OrderStore) throws {
        let units = try undecidedRestock(store)
        guard units > 0, let stored = try store.storedWithoutOrders(sale) else { return }
        let left = stored.totalOnRedis(unstored: 0) - stored.sold - stored.rejectedUnits - stored.withheld
        guard left < units else { return }
        let sold = "\(counted(units - left, "unit of that restock is", "units of that restock are")) sold"
        throw OperationRefused(.notAllowed, "\(sold): redrive it")
    }

    // MARK: What Redis must learn

    /// Fences the sale, so that it is compared and completed, if Redis may not have what was decided about letters:
    /// it was completed while they were open, or has sold with a restock that is discarded now.
    private func fence(
        where isDecided: (DeadLetterResult) -> Bool, _ results: inout [DeadLetterResult], _ store: OrderStore,
        _ redis: BlockingRedis
    ) throws {
        guard let status = try redis.status(sale, allowingGaps: true), let stored = try store.storedWithoutOrders(sale)
        else { return }
        var isBehind = false
        for index in results.indices where isDecided(results[index]) {
            guard let event = try store.deadLetterEvent(sale, results[index].id),
                try mayLack(event, isDiscarded: results[index].isDiscarded, status, stored, redis)
            else { continue }
            isBehind = true
            let before = results[index].message.isEmpty ? "" : "\(results[index].message); "
            results[index].message = before + "\(sale) is fenced until the worker has compared it: Redis may lack this"
        }
        if isBehind { try redis.fence(sale) }
    }

    private func mayLack(
        _ event: OrderEvent, isDiscarded: Bool, _ status: SaleStatus, _ stored: StoredSale, _ redis: BlockingRedis
    ) throws -> Bool {
        switch event {
        case .restock: return status.stockTotal != stored.totalOnRedis(unstored: 0)
        // Nothing else that is discarded is taken back from Redis.
        case _ where isDiscarded: return false
        case .order(let order):
            let wins = try redis.winsField(of: order.buyer, in: sale).flatMap { Win.parse($0) } ?? []
            return !wins.contains { $0.position == order.id.position }
        // What a later change has undone is in neither.
        case .set(let change):
            let record = stored.record
            return change.holds(title: record.title, record.settings)
                && !change.holds(title: status.title, status.settings)
        case .create: return status.settings != stored.record.settings || status.title != stored.record.title
        case .release: return try redis.withheld(of: sale) != stored.withheld
        case .archive: return false
        }
    }

    /// The last position that was given; nil if it is not known.
    private func given(_ store: OrderStore, _ redis: BlockingRedis) throws -> Int? {
        guard let status = try redis.status(sale, allowingGaps: true) else {
            return try redis.isArchived(sale) ? Int.max : nil
        }
        guard status.position >= 0 else { return nil }
        if status.servingRunID == redis.facts.runID { return status.position }
        // A Redis that was put back has given positions that it does not know now, and will be completed with them.
        return try store.lastClaimed(of: sale, atLeast: status.position)
    }

    /// Refuses to decide about a position while another order may turn out to have it. Returns the last position that
    /// was given.
    private func requireReadToItsEnd(
        _ given: Int?, _ store: OrderStore, _ redis: BlockingRedis, hint: String = ""
    ) throws -> Int {
        guard let given else {
            throw OperationRefused(
                .notAllowed, "Redis does not have \(sale) now, so the positions that it gave are not known")
        }
        guard try isReadToItsEnd(store, redis) else {
            throw OperationRefused(
                .notAllowed,
                "\(sale)'s stream is not read to its end: it may hold the order that a dead letter stands for\(hint)")
        }
        return given
    }

    /// Whether SQLite has taken in the stream's last entry, and so every entry.
    private func isReadToItsEnd(_ store: OrderStore, _ redis: BlockingRedis) throws -> Bool {
        // If the sale's create event is a dead letter itself, SQLite has no sale, and nothing can be void.
        guard let id = try redis.lastEntryID(of: sale), let stored = try store.lastStreamID(sale) else { return true }
        return StreamID(id) <= stored
    }

    /// Updates Redis: sets the persisted position, and acknowledges the entries that are stored. A dead letter that was
    /// redriven before is among them, in case Redis was away then; an entry on no pending list changes nothing.
    private func acknowledge(
        _ results: [DeadLetterResult], _ persisted: Int, _ redis: BlockingRedis, _ lease: WorkerLease
    ) throws {
        try redis.acknowledge(results.filter(\.isStored).map(\.id), of: sale, persisted: persisted, under: lease)
    }
}
