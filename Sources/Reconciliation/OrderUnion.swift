import OrderStore
import Shared

/// Every position that either store has. What is known of one counts in this order: the stored order, the win, the dead
/// letter.
struct OrderUnion {
    /// What is known of one position.
    struct Line {
        let position: Int
        /// In SQLite.
        let order: Order?
        /// In Redis.
        let win: RedisSale.BuyerWin?
        /// The quantity of a dead letter; 0 if it can't be read.
        let letter: Int?

        /// Units that it takes. Those of a dead letter stay sold, even if Redis has lost its buyer.
        var units: Int { order?.quantity ?? win?.win.quantity ?? letter ?? 0 }
    }

    private let orders: [Int: Order]
    private let wins: [Int: RedisSale.BuyerWin]
    private let letters: [Int: Int]
    private let positions: [Int]

    init(redis: RedisSale?, sqlite: StoredSale) {
        orders = Dictionary(sqlite.orders.map { ($0.id.position, $0) }) { first, _ in first }
        wins = redis?.wins ?? [:]
        letters = Dictionary(sqlite.rejectedOrders.map { ($0.position, $0.quantity) }) { first, _ in first }
        positions = Set(wins.keys).union(orders.keys).union(letters.keys).sorted()
    }

    /// In the order of their positions.
    var lines: some Sequence<Line> {
        positions.lazy.map {
            Line(position: $0, order: orders[$0], win: wins[$0], letter: letters[$0])
        }
    }
}
