/// The Redis keys of one sale. The braces are a hash tag: all keys are in one Cluster slot.
package struct SaleKeys: Sendable {
    /// The set of all sale names.
    package static let sales = "sales"
    /// The set of the names of all archived sales: freed on Redis, and never used again.
    package static let archived = "sales:archived"
    /// String that expires: the worker that works on this Redis.
    package static let workerLease = "sale:worker"
    /// The consumer group of every orders stream.
    package static let group = "workers"

    /// Hash: the sale's settings and state.
    package let sale: String

    package init(_ id: SaleID) { sale = "sale:{\(id)}" }

    /// Integer: units left.
    package var stock: String { "\(sale):stock" }
    /// Integer: the last position given.
    package var position: String { "\(sale):position" }
    /// Hash: buyer → its wins (`Win`).
    package var buyers: String { "\(sale):buyers" }
    /// Stream: every event of the sale (`OrderEvent`); never trimmed by length.
    package var orders: String { "\(sale):orders" }
    /// Stream: dead letters; never trimmed.
    package var deadLetters: String { "\(sale):dlq" }
    /// Hash: API process → the last position that it confirmed to a buyer, and the units left then.
    package var witnesses: String { "\(sale):witnesses" }

    /// Hash: buyer → its position in the waiting room.
    package var tickets: String { "\(sale):tickets" }
    /// Integer: the last position that the waiting room has given.
    package var joined: String { "\(sale):joined" }

    /// All keys, in the order of free.lua.
    package var all: [String] {
        [sale, stock, position, buyers, orders, deadLetters, witnesses, tickets, joined]
    }
}
