import OrderStore
import RedisClient
import Shared

/// What the metrics show of one sale. What can't be read is nil.
struct SaleFigures {
    /// Positions that Redis has given and SQLite does not have yet.
    var lag: Int?
    /// Whether this Redis does not sell it; also if its status can't be read, as of a sale that lacks a part.
    var isFenced = true
    /// What is paused of it; nil also once it has ended.
    var pauses: [SaleStatus.Pause]?
    /// Whether the worker can't work on it.
    var isSetAside: Bool
    /// Entries of its stream that were not read, or not acknowledged.
    var backlog: Int?
    /// Milliseconds since the first entry was added that SQLite has not taken in; 0 if there is none.
    var oldestMilliseconds: Int?
}

extension SaleFigures {
    /// How many entries are counted if Redis has lost count, while a restored database catches up. A thousand take a
    /// millisecond of Redis' time, so these are 1 % of it.
    private static let countedMax = 10_000

    /// Measures a sale.
    init(of sale: SaleID, isSetAside: Bool, _ store: OrderStore, on redis: BlockingRedis) {
        self.init(isSetAside: isSetAside)
        if let status = try? redis.status(sale, allowingGaps: true) {
            lag = max(0, status.position - status.persistedPosition)
            isFenced = !status.isServed(by: redis.facts.runID)
            pauses = status.state == .ended ? nil : status.pauses
        }
        backlog = try? redis.unacknowledged(sale, countingAtMost: Self.countedMax)
        oldestMilliseconds = try? Self.age(sale, store, on: redis)
    }

    private static func age(_ sale: SaleID, _ store: OrderStore, on redis: BlockingRedis) throws -> Int {
        let stored = try store.lastStreamID(sale) ?? .zero
        guard let added = try StreamReader.oldest(sale, after: "\(stored)", on: redis) else { return 0 }
        return max(0, try redis.time().value - added)
    }
}
