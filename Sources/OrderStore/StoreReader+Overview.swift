package import Shared

/// One sale, as operators see it.
package struct SaleOverview: Equatable, Sendable {
    package var sale: SaleID
    package var title: String
    package var stockTotal: Int
    /// Units in orders.
    package var sold: Int
    package var persistedPosition: Int
    package var epoch: Int
    /// Dead letters that nobody has decided about.
    package var openDeadLetters: Int
    package var ledgerSeq: Int
    /// Units of orders that are lost, which are kept off sale until somebody releases them.
    package var withheld: Int
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
    /// All sales, including archived ones, by name, at one instant.
    package func overviews() throws(StoreError) -> [SaleOverview] {
        try database.execute("BEGIN")
        defer { try? database.execute("COMMIT") }
        var overviews: [SaleOverview] = try database.all(
            """
            SELECT sale, title, stock_total, sold, persisted_position, epoch, archived_at_ms,
                (SELECT count(*) FROM dead_letters WHERE dead_letters.sale = sales.sale AND resolution IS NULL),
                (SELECT max(seq) FROM ledger WHERE ledger.sale = sales.sale),
                EXISTS (SELECT 1 FROM losses WHERE losses.sale = sales.sale AND released_at_ms IS NULL)
            FROM sales ORDER BY sale
            """
        ) { row in
            guard let sale = row.sale(0) else { return nil }
            return SaleOverview(
                sale: sale, title: row.text(1), stockTotal: row.integer(2), sold: row.integer(3),
                persistedPosition: row.integer(4), epoch: row.integer(5), openDeadLetters: row.integer(7),
                ledgerSeq: row.integer(8), withheld: row.integer(9), isArchived: !row.isNull(6))
        }
        // Where something is lost, what of it is withheld depends on what has come back.
        for index in overviews.indices where overviews[index].withheld > 0 {
            overviews[index].withheld = try database.stored(overviews[index].sale, withOrders: false)?.withheld ?? 0
        }
        return overviews
    }

    /// Open dead letters of sales that are not stored, by name: their creation may be such a letter itself.
    package func openDeadLettersWithoutSale() throws(StoreError) -> [(sale: SaleID, count: Int)] {
        try database.all(
            """
            SELECT sale, (SELECT count(*) FROM dead_letters WHERE dead_letters.sale = names.sale
                AND resolution IS NULL) AS open
            FROM (SELECT DISTINCT sale FROM dead_letters) AS names
            WHERE sale NOT IN (SELECT sale FROM sales) AND open > 0 ORDER BY sale
            """
        ) { row in row.sale(0).map { (sale: $0, count: row.integer(1)) } }
    }

    /// The orders of one buyer, by position.
    package func orders(of buyer: String, in sale: SaleID) throws(StoreError) -> [Order] {
        // Without the hint SQLite takes the primary key, which is in order already, and reads the whole sale.
        try database.orders(of: sale, "unlikely(buyer = ?2) ORDER BY position", [.text(buyer)])
    }

    /// How fast a sale sold: the latest `limit` seconds in which something was sold, in order of time.
    package func soldPerSecond(in sale: SaleID, limit: Int) throws(StoreError) -> [SoldSecond] {
        try database.all(
            "SELECT second, orders, units FROM sold_per_second WHERE sale = ? ORDER BY second DESC LIMIT ?",
            [.sale(sale), .integer(limit)]
        ) { SoldSecond(second: $0.integer(0), orders: $0.integer(1), units: $0.integer(2)) }
        .reversed()
    }
}
