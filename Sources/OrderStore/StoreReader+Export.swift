package import Shared

/// Why positions have no order that could be shipped.
package struct Omissions: Equatable, Sendable {
    /// Positions of dead letters that nobody has decided about: they may still become orders.
    package var open: [Int] = []
    package var voided = 0
    package var lost = 0

    package init() {}
}

/// Orders by position, for whoever ships them.
extension StoreReader {
    /// Orders read at once: a few hundred kilobytes, and a read transaction short enough not to hold up a checkpoint.
    private static let pageMax = 1000

    /// The position up to which every order is stored, or accounted for; nil if the sale is not stored. An order after
    /// it may be missing until a later transaction stores it.
    package func persistedPosition(of sale: SaleID) throws(StoreError) -> Int? {
        try database.persistedPosition(of: sale)
    }

    /// The next orders after `position`, up to `last` and at most `limit` of them; empty if there are none.
    package func page(
        of sale: SaleID, after position: Int, through last: Int, limit: Int
    ) throws(StoreError) -> [Order] {
        try database.orders(
            of: sale, "position > ?2 AND position <= ?3 ORDER BY position LIMIT ?4",
            [.integer(position), .integer(last), .integer(min(limit, Self.pageMax))])
    }

    /// What stands in place of orders after `position`, up to `last`.
    package func omissions(of sale: SaleID, after position: Int, through last: Int) throws(StoreError) -> Omissions {
        let range: [StoreValue] = [.sale(sale), .integer(position), .integer(last)]
        var omissions = Omissions()
        // A dead letter that contradicts an order has the order's position.
        omissions.open = try database.all(
            """
            SELECT DISTINCT position FROM dead_letters AS letter
            WHERE sale = ? AND position > ? AND position <= ? AND resolution IS NULL AND NOT EXISTS
                (SELECT 1 FROM orders WHERE orders.sale = letter.sale AND orders.position = letter.position)
            ORDER BY position
            """, range
        ) { $0.integer(0) }
        omissions.voided = try database.integer(
            "SELECT count(*) FROM voids WHERE sale = ? AND position > ? AND position <= ?", range)
        // What of a loss has come back is an order, or one of those above.
        omissions.lost = try database.integer(
            """
            WITH lost (first, last) AS (
                SELECT max(first_position, ?2 + 1), min(last_position, ?3) FROM losses
                WHERE sale = ?1 AND last_position > ?2 AND first_position <= ?3)
            SELECT sum(last - first + 1 - (SELECT count(*) FROM (
                SELECT position FROM orders WHERE sale = ?1 AND position BETWEEN first AND last
                UNION SELECT position FROM dead_letters
                    WHERE sale = ?1 AND position BETWEEN first AND last AND resolution IS NULL
                UNION SELECT position FROM voids WHERE sale = ?1 AND position BETWEEN first AND last))) FROM lost
            """, range)
        return omissions
    }
}
