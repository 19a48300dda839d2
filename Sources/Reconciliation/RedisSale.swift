package import OrderStore
package import RedisClient
package import Shared

/// A sale as Redis holds it: its numbers, and every win of every buyer.
package struct RedisSale: Equatable, Sendable {
    package var status: SaleStatus
    /// The buyers' wins by position. Their traces are unknown.
    package var wins: [Int: Order]
    /// Buyers whose field can't be read, or repeats a position.
    package var unreadableBuyers: [String] = []
    /// Units of lost orders that `salectl release` would put on sale.
    package var withheld = 0
    /// The events that are on the stream and not in SQLite yet: the worker's backlog.
    package var backlog: [OrderEvent] = []

    /// Units of the restocks among them.
    package var unstoredUnits: Int {
        backlog.reduce(0) { if case .restock(let units, _) = $1 { $0 + units } else { $0 } }
    }

    package init(status: SaleStatus, wins: [Int: Order]) {
        self.status = status
        self.wins = wins
    }

    /// Attempts to read a sale without a change in between.
    private static let attempts = 5

    /// Reads a sale; nil if Redis has no such sale. `stored` is what SQLite had of it just before: what follows on the
    /// stream is the backlog.
    ///
    /// The wins are read a thousand buyers at a time. If a win or an operator changes the sale meanwhile, it is read
    /// again; after five attempts without success this throws `SaleIsMoving`.
    package static func read(
        _ sale: SaleID, from redis: BlockingRedis, beside stored: StoredSale?
    ) throws -> RedisSale? {
        for _ in 0..<attempts {
            guard let before = try redis.status(sale, allowingGaps: true) else { return nil }
            var result = RedisSale(status: before, wins: [:])
            result.withheld = try redis.withheld(of: sale)
            var seen: Set<String> = []
            try redis.forEachField(of: SaleKeys(sale).buyers) { buyer, text in
                guard seen.insert(buyer).inserted else { return }
                result.add(buyer, text)
            }
            if let stored { result.backlog = try redis.events(of: sale, after: stored.lastStreamID) }
            guard var after = try redis.status(sale, allowingGaps: true) else { return nil }
            // These two move on in any sale.
            (after.readAt, after.persistedPosition) = (before.readAt, before.persistedPosition)
            if after == before { return result }
        }
        throw SaleIsMoving(sale: sale)
    }

    private mutating func add(_ buyer: String, _ text: String) {
        guard let all = Win.parse(text) else { return unreadableBuyers.append(buyer) }
        for win in all {
            let order = Order(
                id: OrderID(sale: status.sale, position: win.position), buyer: buyer, quantity: win.quantity,
                key: win.key, trace: TraceID.unknown, securedAt: win.securedAt, epoch: win.epoch)
            if wins.updateValue(order, forKey: win.position) != nil { unreadableBuyers.append(buyer) }
        }
    }
}

/// The sale changes so fast that its numbers and wins can't be read as of one instant.
package struct SaleIsMoving: Error, CustomStringConvertible {
    package let sale: SaleID

    package var description: String { "\(sale) is changing: it can't be compared just now" }
}
