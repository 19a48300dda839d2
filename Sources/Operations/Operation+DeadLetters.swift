import OrderStore
import RedisClient
import Shared

extension Operation.DeadLetters {
    func redrive(_ store: OrderStore, _ redis: BlockingRedis) throws -> String {
        store.noteGiven(try given(redis), of: sale)
        let (results, persisted) = try store.redrive(sale, ids, reason: reason, rehearsing: isRehearsal)
        if !isRehearsal { try acknowledge(results, persisted, redis) }
        return DeadLetterResults(results).json
    }

    func discard(_ store: OrderStore, _ redis: BlockingRedis) throws -> String {
        guard let given = try given(redis) else {
            throw OperationRefused(
                .notAllowed, "Redis does not have \(sale) now, so the positions that it gave are not known")
        }
        guard try isReadToItsEnd(store, redis) else {
            throw OperationRefused(
                .notAllowed,
                "\(sale)'s stream is not read to its end: it may hold the order that a dead letter stands for")
        }
        return DeadLetterResults(
            try store.discard(sale, ids, reason: reason, given: given, rehearsing: isRehearsal)
        ).json
    }

    /// The last position that was given; nil if it is not known.
    private func given(_ redis: BlockingRedis) throws -> Int? {
        if let status = try redis.status(sale, allowingGaps: true) {
            return status.position >= 0 ? status.position : nil
        }
        return try redis.isArchived(sale) ? Int.max : nil
    }

    /// Whether SQLite has taken in the stream's last entry, and so every entry.
    private func isReadToItsEnd(_ store: OrderStore, _ redis: BlockingRedis) throws -> Bool {
        // If the sale's create event is a dead letter itself, SQLite has no sale, and nothing can be void.
        guard let id = try redis.lastEntryID(of: sale), let stored = try store.lastStreamID(sale) else { return true }
        return StreamID(id) <= StreamID(stored)
    }

    /// Updates Redis: sets the persisted position, and acknowledges the entries that are stored. A dead letter that was
    /// redriven before is among them, in case Redis was away then; an entry on no pending list changes nothing.
    private func acknowledge(_ results: [DeadLetterResult], _ persisted: Int, _ redis: BlockingRedis) throws {
        try redis.acknowledge(results.filter(\.isStored).map(\.id), of: sale, persisted: persisted)
    }
}
