package import OrderStore
package import RedisClient
package import Shared

/// Redis has another sale of a name than the database: Redis was emptied and the sale created anew, the worker was
/// pointed at another Redis, or the backup of another system was restored.
package struct ForeignSale: Error, CustomStringConvertible {
    let uuidOnRedis: String
    let uuidInSQLite: String

    package var description: String {
        "two different sales of one name: Redis has uuid \(uuidOnRedis), SQLite has uuid \(uuidInSQLite)"
    }

    /// Throws if a sale is foreign, and fences it: it may be selling what the stored sale has sold already. Neither may
    /// take the other's orders.
    package static func refuse(_ sale: SaleID, _ store: OrderStore, on redis: BlockingRedis) throws {
        guard let stored = try store.uuid(of: sale), let found = try redis.uuid(of: sale), found != stored else {
            return
        }
        try redis.fence(sale)
        throw ForeignSale(uuidOnRedis: found, uuidInSQLite: stored)
    }
}
