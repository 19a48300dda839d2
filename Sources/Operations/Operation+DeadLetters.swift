import OrderStore
import RedisClient
import Shared

extension Operation.DeadLetters {
    func redrive(_ store: OrderStore, _ redis: BlockingRedis) throws -> String {
        store.noteGiven(try given(redis), of: sale)
        var (results, persisted) = try store.redrive(sale, ids, reason: reason, rehearsing: isRehearsal)
        if !isRehearsal {
            try acknowledge(results, persisted, redis)
            if results.contains(where: { $0.outcome == .applied }), try isAhead(store, of: redis) {
                try redis.fence(sale)
                for index in results.indices where results[index].outcome == .applied {
                    results[index].message = "Redis lacks it: \(sale) is fenced until the worker has completed it"
                }
            }
        }
        return DeadLetterResults(results).json
    }

    func discard(_ store: OrderStore, _ redis: BlockingRedis) throws -> String {
        guard var given = try given(redis) else {
            throw OperationRefused(
                .notAllowed, "Redis does not have \(sale) now, so the positions that it gave are not known")
        }
        guard try isReadToItsEnd(store, redis) else {
            throw OperationRefused(
                .notAllowed,
                "\(sale)'s stream is not read to its end: it may hold the order that a dead letter stands for")
        }
        // A Redis that was put back has given positions that it does not know now, and will be completed with them.
        if try redis.servingRunID(of: sale) != redis.facts.runID {
            given = try store.lastClaimed(of: sale, atLeast: given)
        }
        return DeadLetterResults(
            try store.discard(sale, ids, reason: reason, given: given, rehearsing: isRehearsal)
        ).json
    }

    /// Whether Redis lacks a change that SQLite has: it was completed while that was a dead letter. What Redis has and
    /// SQLite lacks looks the same for as long as the worker needs to store it, and costs a comparison.
    private func isAhead(_ store: OrderStore, of redis: BlockingRedis) throws -> Bool {
        guard let status = try redis.status(sale, allowingGaps: true), let stored = try store.storedWithoutOrders(sale)
        else { return false }
        return status.stockTotal != stored.totalOnRedis(unstored: 0) || status.settings != stored.record.settings
            || status.title != stored.record.title
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
