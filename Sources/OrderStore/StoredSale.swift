package import Shared

/// A sale as SQLite holds it.
package struct StoredSale: Equatable, Sendable {
    package var sale: SaleID
    package var uuid: String
    package var stockTotal: Int
    /// Units in orders, as the table counts them.
    package var sold: Int
    package var persistedPosition: Int
    /// By position.
    package var orders: [Order]
    /// Units and positions of dead letters that are orders; no such position is in `orders` unless it contradicts one.
    package var deadLetters: [DeadLetter]

    /// An order that could not be stored, and stays sold.
    package struct DeadLetter: Equatable, Sendable {
        package var position: Int
        package var quantity: Int

        package init(position: Int, quantity: Int) {
            self.position = position
            self.quantity = quantity
        }
    }

    package init(
        sale: SaleID, uuid: String, stockTotal: Int, sold: Int, persistedPosition: Int, orders: [Order],
        deadLetters: [DeadLetter]
    ) {
        self.sale = sale
        self.uuid = uuid
        self.stockTotal = stockTotal
        self.sold = sold
        self.persistedPosition = persistedPosition
        self.orders = orders
        self.deadLetters = deadLetters
    }
}

/// Reads the database without ever writing it: for tools, beside a running worker.
package final class StoreReader {
    private let database: Database

    /// Opens an existing database of this release's schema.
    package init(path: String) throws(StoreError) {
        database = try Database(path, .read)
        try Schema.check(database)
    }

    /// What is stored of one sale, at one instant; nil where there is nothing.
    package func account(of sale: SaleID) throws(StoreError) -> StoredSale? {
        // One read transaction, so that counts and rows are of the same instant.
        try database.execute("BEGIN")
        defer { try? database.execute("COMMIT") }
        return try database.account(of: sale)
    }
}

extension Database {
    func account(of sale: SaleID) throws(StoreError) -> StoredSale? {
        var stored: StoredSale?
        let head = try Statement(
            handle, "SELECT uuid, stock_total, sold, persisted_position FROM sales WHERE sale = ?")
        try head.query([.text("\(sale)")]) {
            stored = StoredSale(
                sale: sale, uuid: $0.text(0), stockTotal: $0.integer(1), sold: $0.integer(2),
                persistedPosition: $0.integer(3), orders: [], deadLetters: [])
        }
        guard var stored else { return nil }
        let orders = try Statement(handle, "SELECT \(Order.columns) FROM orders WHERE sale = ? ORDER BY position")
        try orders.query([.text("\(sale)")]) { stored.orders.append(Order(sale: sale, $0)) }
        let letters = try Statement(
            handle,
            "SELECT position, quantity FROM dead_letters WHERE sale = ? AND position IS NOT NULL ORDER BY position")
        try letters.query([.text("\(sale)")]) {
            stored.deadLetters.append(.init(position: $0.integer(0), quantity: $0.integer(1)))
        }
        return stored
    }

    func sales() throws(StoreError) -> [SaleID] {
        var sales: [SaleID] = []
        let names = try Statement(handle, "SELECT sale FROM sales ORDER BY sale")
        try names.query { if let sale = SaleID($0.text(0)) { sales.append(sale) } }
        return sales
    }
}

extension Order {
    /// What `init(sale:_:)` reads, in its order.
    static let columns = "position, buyer, quantity, key, trace, secured_at_ms, epoch"

    init(sale: SaleID, _ row: borrowing Row) {
        self.init(
            id: OrderID(sale: sale, position: row.integer(0)), buyer: row.text(1), quantity: row.integer(2),
            key: row.text(3), trace: row.text(4), securedAt: UnixMilliseconds(row.integer(5)), epoch: row.integer(6))
    }
}
