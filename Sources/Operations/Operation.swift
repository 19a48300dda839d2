package import OrderStore
package import RedisClient
package import Shared

/// What an operator does to what is stored: salectl does it itself while it holds the database's lock, otherwise the
/// worker does it while it holds the lock (`POST /v1/operations`). One database has one writer.
package enum Operation: Equatable, Sendable {
    /// Tries dead letters once more.
    case redrive(DeadLetters)
    /// Decides that dead letters will never be stored.
    case discard(DeadLetters)
    /// Forgets who a buyer was.
    case erase(sale: SaleID, buyer: String, reason: String)

    /// Dead letters of one sale, named one by one: they are selected once, and later ones are not among them.
    package struct DeadLetters: Equatable, Sendable {
        /// A hundred are one transaction of some milliseconds, and the worker's stream waits no longer than that.
        package static let idsMax = 100

        package var sale: SaleID
        package var ids: [String]
        package var reason: String
        /// Whether to report only what would happen.
        package var isRehearsal: Bool

        package init(sale: SaleID, ids: [String], reason: String, isRehearsal: Bool) {
            self.sale = sale
            self.ids = ids
            self.reason = reason
            self.isRehearsal = isRehearsal
        }
    }

    package var sale: SaleID {
        switch self {
        case .redrive(let letters), .discard(let letters): letters.sale
        case .erase(let sale, _, _): sale
        }
    }

    /// Bytes of a reason.
    package static let reasonBytesMax = 500
    /// Bytes of an operation's JSON: a hundred ids of 44, and a reason in which each byte is escaped to six.
    package static let bytesMax = 8192

    /// Runs the operation and returns its result as JSON. If it throws, it may be run again: what was done is not done
    /// twice. Throws `ForeignSale`, and has done nothing, if the two stores don't mean the same sale.
    ///
    /// - Parameter lease: the right to work on this Redis with this database; it is held.
    package func run(store: OrderStore, redis: BlockingRedis, lease: WorkerLease) throws -> String {
        try ForeignSale.refuse(sale, store, on: redis)
        return switch self {
        case .redrive(let letters): try letters.redrive(store, redis, lease)
        case .discard(let letters): try letters.discard(store, redis)
        case .erase(let sale, let buyer, let reason):
            try Erasure(sale: sale, buyer: buyer, reason: reason).run(store, redis)
        }
    }
}
