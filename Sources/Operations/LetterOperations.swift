import OrderStore
import RedisClient
import Shared

extension Operation.Letters {
    func redrive(_ store: OrderStore, _ redis: BlockingRedis) throws -> String {
        let (results, persisted) = try store.redrive(sale, ids, reason: reason, rehearsing: isRehearsal)
        if !isRehearsal { try acknowledge(results, persisted, redis) }
        return LetterResults(results).json
    }

    func discard(_ store: OrderStore, _ redis: BlockingRedis) throws -> String {
        guard let given = try given(redis) else {
            throw OperationRefused(
                .notAllowed, "Redis does not have \(sale) just now: which positions it gave is not known")
        }
        guard try isReadToItsEnd(store, redis) else {
            throw OperationRefused(
                .notAllowed, "\(sale)'s stream is not read to its end: it may hold the order that a letter stands for")
        }
        return LetterResults(
            try store.discard(sale, ids, reason: reason, given: given, rehearsing: isRehearsal)
        ).json
    }

    /// The last position that was given; nil where nobody can tell.
    private func given(_ redis: BlockingRedis) throws -> Int? {
        if let status = try redis.status(sale, allowingGaps: true) {
            return status.position >= 0 ? status.position : nil
        }
        return try redis.isArchived(sale) ? Int.max : nil
    }

    /// Whether SQLite has taken in the stream's last entry, and thereby all of them.
    private func isReadToItsEnd(_ store: OrderStore, _ redis: BlockingRedis) throws -> Bool {
        let reply = try redis.command(["XREVRANGE", RedisArgument(SaleKeys(sale).orders), "+", "-", "COUNT", "1"])
        let entries = reply.value
        guard entries.count == 1 else { return true }
        let last = entries[0]
        // Where the sale's create event is a dead letter itself, SQLite has no sale, and nothing can be void.
        guard let id = last[0].string, let stored = try store.lastStreamID(sale) else { return true }
        return StreamID(id) <= StreamID(stored)
    }

    /// Has Redis follow: how far the sale is stored, and what is not pending any more. A letter that was redriven before is
    /// among them, in case Redis was away just then; one that is on no pending list changes nothing.
    private func acknowledge(_ results: [LetterResult], _ persisted: Int, _ redis: BlockingRedis) throws {
        try redis.acknowledge(results.filter(\.isStored).map(\.id), of: sale, persisted: persisted)
    }
}
