package import OrderStore
package import Shared

/// Every position that either store has. What is known of one counts in this order: the stored order, the win, the dead
/// letter.
package struct OrderUnion: Sendable {
    /// What is known of one position.
    package struct Line: Sendable {
        package let position: Int
        /// In SQLite.
        package let order: Order?
        /// In Redis.
        package let win: Order?
        /// A dead letter; its quantity is 0 if that can't be read.
        package let letter: StoredSale.RejectedOrder?

        /// What its buyer was told, as SQLite knows it.
        let promised: Order?

        /// Units that it takes. Those of a dead letter stay sold, even if Redis has lost its buyer.
        var units: Int { order?.quantity ?? win?.quantity ?? letter?.quantity ?? 0 }

        /// A win that SQLite does not have, not even as a dead letter.
        var unstored: Order? { order == nil && letter == nil ? win : nil }
    }

    /// In SQLite.
    private let losses: [StoredSale.Loss]
    private let orders: [Int: Order]
    private let wins: [Int: Order]
    private let letters: [Int: StoredSale.RejectedOrder]
    private let taken: Set<String>
    private let positions: [Int]

    init(redis: RedisSale?, sqlite: StoredSale) {
        losses = sqlite.losses.filter { !$0.isReleased }
        orders = Dictionary(sqlite.orders.map { ($0.id.position, $0) }) { first, _ in first }
        wins = redis?.wins ?? [:]
        letters = Dictionary(sqlite.rejectedOrders.map { ($0.position, $0) }) { first, _ in first }
        taken = Self.taken(letters.values.compactMap(\.order), orders, wins)
        positions = Set(wins.keys).union(orders.keys).union(letters.keys).sorted()
    }

    /// In the order of their positions.
    package var lines: some Sequence<Line> {
        positions.lazy.map {
            Line(
                position: $0, order: orders[$0], win: wins[$0], letter: letters[$0],
                promised: orders[$0] ?? letters[$0]?.order.flatMap { taken.contains(Self.purchase($0)) ? nil : $0 })
        }
    }

    /// Units that all of them take.
    var units: Int { lines.reduce(0) { $0 + $1.units } }

    /// Units of lost orders, neither sold nor on sale. SQLite counts those no longer that it has got back; here those
    /// that only Redis has are not counted either.
    var withheld: Int {
        guard !losses.isEmpty else { return 0 }
        let returned = lines.compactMap(\.unstored)
        return losses.reduce(0) { sum, loss in
            let found = returned.reduce(0) { $0 + (loss.positions.contains($1.id.position) ? $1.quantity : 0) }
            return sum + max(0, loss.units - found)
        }
    }

    /// The purchases of dead letters that have another position as an order, or in Redis: a purchase has one answer.
    private static func taken(
        _ rejected: [Order], _ orders: [Int: Order], _ wins: [Int: Order]
    ) -> Set<String> {
        guard !rejected.isEmpty else { return [] }
        var positions: [String: Int] = [:]
        for known in [orders, wins] {
            for order in known.values { positions[purchase(order)] = order.id.position }
        }
        return Set(rejected.filter { positions[purchase($0)] ?? $0.id.position != $0.id.position }.map(purchase))
    }

    /// What names a purchase. Neither a buyer nor a key contains a space.
    private static func purchase(_ order: Order) -> String { "\(order.buyer) \(order.key)" }
}
