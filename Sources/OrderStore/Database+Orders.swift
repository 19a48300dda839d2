import Shared

extension Database {
    /// The orders of a sale that `condition` selects. `?1` is the sale; `values` are `?2` and so on. The condition may
    /// end with ORDER BY and LIMIT.
    func orders(
        of sale: SaleID, _ condition: StaticString, _ values: [StoreValue] = []
    ) throws(StoreError) -> [Order] {
        try all(
            "SELECT position, buyer, quantity, key, trace, secured_at_ms, epoch FROM orders WHERE sale = ?1 AND ",
            condition, [.sale(sale)] + values
        ) { row in
            Order(
                id: OrderID(sale: sale, position: row.integer(0)), buyer: row.text(1), quantity: row.integer(2),
                key: row.text(3), trace: row.text(4), securedAt: row.time(5), epoch: row.integer(6))
        }
    }
}
