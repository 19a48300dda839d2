package import Shared

/// What the read model says of one sale.
package struct SaleOverview: Equatable, Sendable {
    package var sale: SaleID
    package var title: String
    package var stockTotal: Int
    /// Units in orders.
    package var sold: Int
    package var persistedPosition: Int
    package var epoch: Int
    package var lastStreamID: StreamID
    /// Dead letters that nobody has dealt with.
    package var openDeadLetters: Int
    package var ledgerSeq: Int
    package var isArchived: Bool
}

/// Orders and units won within one second.
package struct SoldSecond: Equatable, Sendable {
    /// Seconds since 1970.
    package var second: Int
    package var orders: Int
    package var units: Int
}

extension StoreReader {
    /// All sales, archived ones too, by name.
    package func overviews() throws(StoreError) -> [SaleOverview] {
        var result: [SaleOverview] = []
        try database.query(
            """
            SELECT sale, title, stock_total, sold, persisted_position, epoch, last_stream_id, archived_at_ms,
                (SELECT count(*) FROM dead_letters WHERE dead_letters.sale = sales.sale AND resolution IS NULL),
                (SELECT max(seq) FROM ledger WHERE ledger.sale = sales.sale)
            FROM sales ORDER BY sale
            """
        ) { row in
            guard let sale = SaleID(row.text(0)) else { return }
            result.append(
                SaleOverview(
                    sale: sale, title: row.text(1), stockTotal: row.integer(2), sold: row.integer(3),
                    persistedPosition: row.integer(4), epoch: row.integer(5), lastStreamID: StreamID(row.text(6)),
                    openDeadLetters: row.integer(8), ledgerSeq: row.integer(9),
                    isArchived: row.optionalInteger(7) != nil))
        }
        return result
    }

    /// The orders of one buyer, by position.
    package func orders(of buyer: String, in sale: SaleID) throws(StoreError) -> [Order] {
        var orders: [Order] = []
        try database.query(
            """
            SELECT position, buyer, quantity, key, trace, secured_at_ms, epoch FROM orders
            WHERE sale = ? AND buyer = ? ORDER BY position
            """, [.text("\(sale)"), .text(buyer)]
        ) { orders.append(Order(sale: sale, $0)) }
        return orders
    }

    /// How fast a sale sold, the latest `limit` seconds in which something was sold, in order of time.
    package func soldPerSecond(in sale: SaleID, limit: Int) throws(StoreError) -> [SoldSecond] {
        var seconds: [SoldSecond] = []
        try database.query(
            "SELECT second, orders, units FROM sold_per_second WHERE sale = ? ORDER BY second DESC LIMIT ?",
            [.text("\(sale)"), .integer(limit)]
        ) { seconds.append(SoldSecond(second: $0.integer(0), orders: $0.integer(1), units: $0.integer(2))) }
        return seconds.reversed()
    }
}
