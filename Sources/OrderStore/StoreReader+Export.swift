package import Shared

/// Why positions have no order that could be shipped.
package struct Omissions: Equatable, Sendable {
    /// Positions of dead letters that nobody has decided about: they may become orders yet.
    package var open: [Int] = []
    package var voided = 0
    package var lost = 0

    package init() {}
}

/// Orders by position, for whoever ships them.
extension StoreReader {
    /// Orders read at once: a few hundred kilobytes, and a read transaction that is over before a checkpoint minds.
    private static let pageMax = 1000

    /// The position up to which every order is stored, or accounted for; nil where the sale is not stored. Behind it an
    /// order may be missing that a later transaction stores.
    package func persistedPosition(of sale: SaleID) throws(StoreError) -> Int? {
        var position: Int?
        try database.query("SELECT persisted_position FROM sales WHERE sale = ?", [.text("\(sale)")]) {
            position = $0.integer(0)
        }
        return position
    }

    /// The next orders behind `position`, up to `last` and at most `limit` of them; empty where there are none.
    package func page(of sale: SaleID, after position: Int, through last: Int, limit: Int) throws(StoreError) -> [Order]
    {
        var orders: [Order] = []
        try database.query(
            """
            SELECT position, buyer, quantity, key, trace, secured_at_ms, epoch FROM orders
            WHERE sale = ? AND position > ? AND position <= ? ORDER BY position LIMIT ?
            """,
            [.text("\(sale)"), .integer(position), .integer(last), .integer(min(limit, Self.pageMax))]
        ) { orders.append(Order(sale: sale, $0)) }
        return orders
    }

    /// What stands in place of orders behind `position`, up to `last`.
    package func omissions(of sale: SaleID, after position: Int, through last: Int) throws(StoreError) -> Omissions {
        let range: [StoreValue] = [.text("\(sale)"), .integer(position), .integer(last)]
        var omissions = Omissions()
        // A dead letter that contradicts an order has its position.
        try database.query(
            """
            SELECT DISTINCT position FROM dead_letters AS letter
            WHERE sale = ? AND position > ? AND position <= ? AND resolution IS NULL AND NOT EXISTS
                (SELECT 1 FROM orders WHERE orders.sale = letter.sale AND orders.position = letter.position)
            ORDER BY position
            """, range
        ) { omissions.open.append($0.integer(0)) }
        try database.query("SELECT count(*) FROM voids WHERE sale = ? AND position > ? AND position <= ?", range) {
            omissions.voided = $0.integer(0)
        }
        try database.query(
            """
            SELECT coalesce(sum(min(last_position, ?3) - max(first_position, ?2 + 1) + 1), 0) FROM losses
            WHERE sale = ?1 AND last_position > ?2 AND first_position <= ?3
            """, range
        ) { omissions.lost = $0.integer(0) }
        return omissions
    }
}
