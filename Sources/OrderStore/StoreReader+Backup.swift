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
    /// Writes a copy of the database as of one instant, beside a running worker; `path` must not be there yet.
    ///
    /// VACUUM INTO only reads: the backup API would begin again whenever the worker commits. The copy is whole in itself: no
    /// log belongs to it.
    package func copy(to path: String) throws(StoreError) {
        try database.run("VACUUM INTO ?", [.text(path)])
    }

    /// What SQLite finds wrong with the file (integrity_check, foreign_key_check); empty where nothing is.
    package func damages() throws(StoreError) -> [String] {
        var found: [String] = []
        try database.query("PRAGMA integrity_check") { found.append($0.text(0)) }
        if found == ["ok"] { found = [] }
        try database.query("PRAGMA foreign_key_check") { found.append("a row of \($0.text(0)) refers to nothing") }
        return found
    }

    /// Every sale, by name.
    package func contents() throws(StoreError) -> [StoredNumbers] {
        var sales: [StoredNumbers] = []
        try database.query(
            """
            SELECT sale, uuid, (SELECT count(*) FROM orders WHERE orders.sale = sales.sale), persisted_position,
                last_stream_id, archived_at_ms FROM sales ORDER BY sale
            """
        ) { row in
            guard let sale = SaleID(row.text(0)) else { return }
            sales.append(
                StoredNumbers(
                    sale: sale, uuid: row.text(1), orders: row.integer(2), persistedPosition: row.integer(3),
                    lastStreamID: StreamID(row.text(4)), archivedAt: row.optionalInteger(5).map { UnixMilliseconds($0) }
                ))
        }
        return sales
    }
}
