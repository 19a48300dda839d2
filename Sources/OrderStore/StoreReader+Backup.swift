package import Shared

/// What a database holds of one sale, in numbers.
package struct StoredNumbers: Equatable, Sendable {
    package var sale: SaleID
    package var uuid: String
    package var orders: Int
    package var persistedPosition: Int
    package var lastStreamID: StreamID
    package var archivedAt: UnixMilliseconds?
}

extension StoreReader {
    /// Writes a copy of the database as of one instant, beside a running worker. `path` must not exist yet.
    ///
    /// VACUUM INTO only reads; the backup API would start again whenever the worker commits. The copy is complete in
    /// one file: no log belongs to it.
    package func copy(to path: String) throws(StoreError) {
        try database.run("VACUUM INTO ?", [.text(path)])
    }

    /// What SQLite finds wrong with the file (integrity_check, foreign_key_check); empty if it finds nothing.
    package func damages() throws(StoreError) -> [String] {
        let damages = try database.all("PRAGMA integrity_check") { $0.text(0) }
        let orphans = try database.all("PRAGMA foreign_key_check") { "a row of \($0.text(0)) refers to nothing" }
        return (damages == ["ok"] ? [] : damages) + orphans
    }

    /// Every sale, by name.
    package func contents() throws(StoreError) -> [StoredNumbers] {
        try database.all(
            """
            SELECT sale, uuid, (SELECT count(*) FROM orders WHERE orders.sale = sales.sale), persisted_position,
                last_stream_id, archived_at_ms FROM sales ORDER BY sale
            """
        ) { row in
            guard let sale = row.sale(0) else { return nil }
            return StoredNumbers(
                sale: sale, uuid: row.text(1), orders: row.integer(2), persistedPosition: row.integer(3),
                lastStreamID: StreamID(row.text(4)), archivedAt: row.optionalTime(5))
        }
    }
}
