package import OrderStore
package import Shared

/// What a database that was restored from an older copy lacks, and can't learn from the stream, which has begun again
/// in the meantime. A pure function of what both stores hold.
///
/// Redis knows up to which position the earlier database had everything (`persisted_position`). Up to there each
/// position is an order that a buyer still has on Redis, or was accounted for as lost, and its units are not on sale.
package struct Relearning: Equatable, Sendable {
    /// Orders to append to the stream again.
    package private(set) var orders: [Order] = []
    /// Positions that neither store has.
    package private(set) var losses: [StoredSale.Loss] = []

    package init(redis: RedisSale, sqlite: StoredSale) {
        let stored = Set(sqlite.orders.map(\.id.position))
        var units = sqlite.orders.reduce(0) { $0 + $1.quantity }
        var known = stored
        for letter in sqlite.deadLetters where known.insert(letter.position).inserted { units += letter.quantity }
        for (position, win) in redis.wins where known.insert(position).inserted {
            units += win.win.quantity
            guard position <= redis.status.persistedPosition else { continue }
            orders.append(Order(sqlite.record.sale, win))
        }
        orders.sort { $0.id.position < $1.id.position }

        for loss in sqlite.losses { known.formUnion(loss.positions) }
        var next = 1
        let end = redis.status.persistedPosition
        for position in known.filter({ $0 <= end }).sorted() + [end + 1] {
            if position > next { losses.append(.init(positions: next...position - 1, units: 0, isReleased: false)) }
            next = position + 1
        }
        guard !losses.isEmpty else { return }
        // Units that are neither sold nor on sale were withheld for them.
        let total = sqlite.record.stockTotal + redis.unstoredUnits
        losses[0].units = max(0, total - units - sqlite.withheld - redis.status.remaining)
    }
}
