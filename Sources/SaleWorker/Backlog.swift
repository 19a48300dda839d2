import OrderStore
import RedisClient
import Shared

/// What of the sales is not stored yet, and whether they are fenced, for the metrics. It is measured also while nothing
/// can be stored, because that is when somebody asks.
enum Backlog {
    /// How many entries are counted if Redis has lost count, while a restored database catches up. A thousand take a
    /// millisecond of Redis' time, so these are 1 % of it.
    private static let countedMax = 10_000

    /// Measures these sales. What can't be read of a sale has no metrics.
    static func measure(
        _ sales: Set<SaleID>, _ store: OrderStore, on redis: BlockingRedis, into metrics: WorkerMetrics
    ) {
        metrics.backlog = [:]
        metrics.oldestMilliseconds = [:]
        metrics.lag = [:]
        metrics.fenced = [:]
        for sale in sales {
            try? measure(sale, on: redis, into: metrics)
            metrics.backlog[sale] = try? redis.unacknowledged(sale, countingAtMost: countedMax)
            metrics.oldestMilliseconds[sale] = try? age(sale, store, on: redis)
        }
    }

    private static func measure(
        _ sale: SaleID, on redis: BlockingRedis, into metrics: WorkerMetrics
    ) throws {
        // The scripts take one that lacks a part for fenced, whatever its stamp says.
        metrics.fenced[sale] = 1
        guard let status = try redis.status(sale, allowingGaps: true) else { return }
        metrics.lag[sale] = max(0, status.position - status.persistedPosition)
        if try redis.serves(status) { metrics.fenced[sale] = 0 }
    }

    /// Milliseconds since the first entry was added that SQLite has not taken in; 0 if there is none.
    private static func age(_ sale: SaleID, _ store: OrderStore, on redis: BlockingRedis) throws -> Int {
        let stored = try store.lastStreamID(sale) ?? "0-0"
        guard let added = try StreamReader.oldest(sale, after: stored, on: redis) else { return 0 }
        return max(0, try redis.time().value - added)
    }
}
