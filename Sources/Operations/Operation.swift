package import OrderStore
package import RedisClient
package import Shared

/// What an operator has done to what is stored: by salectl itself while it holds the database's lock, by the worker while it
/// does (`POST /v1/operations`). One database has one writer.
package enum Operation: Equatable, Sendable {
    /// Tries dead letters once more.
    case redrive(DeadLetters)
    /// Decides that dead letters never will be stored.
    case discard(DeadLetters)
    /// Forgets who a buyer was.
    case erase(sale: SaleID, buyer: String, reason: String)

    /// Dead letters of one sale, named one by one: whoever selects them does so once, and new ones are not among them.
    package struct DeadLetters: Equatable, Sendable {
        /// A hundred are one transaction of some milliseconds, so the worker's stream waits for no longer.
        package static let idsMax = 100

        package var sale: SaleID
        package var ids: [String]
        package var reason: String
        /// Only says what would come of it.
        package var isRehearsal: Bool

        package init(sale: SaleID, ids: [String], reason: String, isRehearsal: Bool) {
            self.sale = sale
            self.ids = ids
            self.reason = reason
            self.isRehearsal = isRehearsal
        }
    }

    /// Bytes of a reason.
    package static let reasonBytesMax = 500
    /// Bytes of an operation's JSON: a hundred ids of 44, and a reason of which each byte is escaped to six.
    package static let bytesMax = 8192

    /// Does it; answers the result as JSON. Where it throws, it may be done again: what has been done is known as done.
    package func run(store: OrderStore, redis: BlockingRedis) throws -> String {
        switch self {
        case .redrive(let letters): try letters.redrive(store, redis)
        case .discard(let letters): try letters.discard(store, redis)
        case .erase(let sale, let buyer, let reason):
            try Erasure(sale: sale, buyer: buyer, reason: reason).run(store, redis)
        }
    }
}

/// Why an operation was not done: nothing has been changed.
package struct OperationRefused: Error, Equatable, CustomStringConvertible {
    package enum Kind: Sendable {
        /// There is no such sale.
        case notFound
        /// Not now, or not so.
        case notAllowed
    }

    package let kind: Kind
    /// One sentence.
    package let description: String

    init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }
}
