import OrderStore
import RedisClient
import Shared

/// The unacknowledged entries of the sales' streams, for the metrics. It is measured also while nothing can be stored,
/// because that is when somebody asks.
enum Backlog {
    /// How many entries are counted if Redis has lost count, while a restored database catches up. A thousand take a
    /// millisecond of Redis' time, so these are 1 % of it.
    private static let countedMax = 10_000

    /// Measures the streams of these sales. A sale whose stream can't be read has no metrics.
    static func measure(
        _ sales: [SaleID], _ store: OrderStore, on redis: BlockingRedis, into metrics: WorkerMetrics
    ) {
        metrics.backlog = [:]
        metrics.oldestMilliseconds = [:]
        for sale in sales {
            metrics.backlog[sale] = try? redis.unacknowledged(sale, countingAtMost: countedMax)
            metrics.oldestMilliseconds[sale] = try? age(sale, store, on: redis)
        }
    }

    /// Milliseconds since the first entry was added that SQLite has not taken in; 0 if there is none.
    private static func age(_ sale: SaleID, _ store: OrderStore, on redis: BlockingRedis) throws -> Int {
        let stored = try store.lastStreamID(sale) ?? "0-0"
        guard let added = try StreamReader.oldest(sale, after: stored, on: redis) else { return 0 }
        return max(0, try redis.time().value - added)
    }
}
