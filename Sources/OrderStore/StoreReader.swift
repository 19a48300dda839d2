package import Shared

/// Reads the database without ever writing it: for tools that run beside a worker.
package final class StoreReader {
    let database: Database

    /// Opens an existing database of this release's schema.
    package init(path: String) throws(StoreError) {
        database = try Database(path, .read)
        try Schema.check(database)
    }

    /// Whether a worker has just made the file, and nothing is in it yet.
    package static func isEmpty(_ path: String) throws(StoreError) -> Bool {
        try Schema.isEmpty(Database(path, .read))
    }

    /// What is stored of one sale, at one instant; nil if nothing is.
    package func stored(_ sale: SaleID) throws(StoreError) -> StoredSale? { try stored(sale, withOrders: true) }

    /// What is stored of one sale except its orders, which may be many; nil if nothing is.
    package func storedWithoutOrders(_ sale: SaleID) throws(StoreError) -> StoredSale? {
        try stored(sale, withOrders: false)
    }

    private func stored(_ sale: SaleID, withOrders: Bool) throws(StoreError) -> StoredSale? {
        // One read transaction, so that counts and rows are of the same instant.
        try database.execute("BEGIN")
        defer { try? database.execute("COMMIT") }
        return try database.stored(sale, withOrders: withOrders)
    }

    /// Every sale that is stored, by name.
    package func sales() throws(StoreError) -> [SaleID] {
        try database.all("SELECT sale FROM sales ORDER BY sale") { $0.sale(0) }
    }

    /// When a sale was archived, nil if it was not, and the last entry of its stream that was taken in; nil if the sale
    /// is not stored.
    package func archiveMark(
        of sale: SaleID
    ) throws(StoreError) -> (archivedAt: UnixMilliseconds?, lastStreamID: StreamID)? {
        try database.first("SELECT archived_at_ms, last_stream_id FROM sales WHERE sale = ?", [.sale(sale)]) {
            (archivedAt: $0.optionalTime(0), lastStreamID: StreamID($0.text(1)))
        }
    }
}
