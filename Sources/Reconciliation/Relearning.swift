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
    /// Units that Redis has to withhold once they are recorded.
    private(set) var withheld: Int

    /// Whether the database is an older copy.
    static func isNeeded(redis status: SaleStatus, sqlite: StoredSale) -> Bool {
        status.uuid == sqlite.record.uuid && sqlite.persistedPosition < status.persistedPosition
    }

    package init(redis: RedisSale, sqlite: StoredSale) {
        let end = redis.status.persistedPosition
        var known = sqlite.losses.map(\.positions)
        let union = OrderUnion(redis: redis, sqlite: sqlite)
        withheld = union.withheld
        for line in union.lines {
            known.append(line.position...line.position)
            if let win = line.unstored, line.position <= end { orders.append(win) }
        }

        known.sort { $0.lowerBound < $1.lowerBound }
        var next = 1
        for range in known.filter({ $0.lowerBound <= end }) + [end + 1...end + 1] {
            if range.lowerBound > next {
                losses.append(.init(positions: next...range.lowerBound - 1, units: 0, isReleased: false))
            }
            next = max(next, range.upperBound + 1)
        }
        guard !losses.isEmpty else { return }
        // Units that are neither sold nor on sale were withheld for them. If Redis has lost its stock, too, that may be
        // as many as their buyers could have.
        let unsold = sqlite.totalOnRedis(unstored: redis.unstoredUnits) - union.units - withheld
        let most = losses.reduce(0) { $0 + $1.positions.count } * sqlite.record.maxPerBuyer
        let remaining = redis.status.remaining
        losses[0].units = max(0, remaining < 0 ? min(unsold, most) : unsold - remaining)
        withheld += losses[0].units
    }
}
