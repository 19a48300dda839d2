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
    /// Integer: units left.
    package let stock: String
    /// Integer: the last position given.
    package let position: String
    /// Hash: buyer → its wins (`Win`).
    package let buyers: String
    /// Stream: every event of the sale (`OrderEvent`); never trimmed by length.
    package let orders: String
    /// Stream: dead letters; never trimmed.
    package let deadLetters: String
    /// Hash: API process → the last position that it confirmed to a buyer, and the units left then.
    package let witnesses: String

    /// Hash: buyer → its position in the waiting room.
    package let tickets: String
    /// Integer: the last position that the waiting room has given.
    package let joined: String

    /// All keys, in the order of free.lua.
    package var all: [String] {
        [sale, stock, position, buyers, orders, deadLetters, witnesses, tickets, joined]
    }

    package init(_ id: SaleID) {
        sale = "sale:{\(id)}"
        stock = "sale:{\(id)}:stock"
        position = "sale:{\(id)}:position"
        buyers = "sale:{\(id)}:buyers"
        orders = "sale:{\(id)}:orders"
        deadLetters = "sale:{\(id)}:dlq"
        witnesses = "sale:{\(id)}:witnesses"
        tickets = "sale:{\(id)}:tickets"
        joined = "sale:{\(id)}:joined"
    }
}
