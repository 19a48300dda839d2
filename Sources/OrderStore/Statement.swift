internal import CSQLite

/// A prepared statement, finalized with its owner. Every use resets it, so it is ready for the next.
final class Statement {
    private let database: OpaquePointer
    private let statement: OpaquePointer
    private let sql: String

    init(_ database: OpaquePointer, _ sql: String) throws(StoreError) {
        var made: OpaquePointer?
        let code = sqlite3_prepare_v3(database, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &made, nil)
        guard code == SQLITE_OK, let made else { throw StoreError(database, sql) }
        self.database = database
        self.sql = sql
        statement = made
    }

    deinit { sqlite3_finalize(statement) }

    /// Runs the statement and calls `body` with each row.
    func query(_ values: [StoreValue], _ body: (borrowing Row) -> Void) throws(StoreError) {
        defer {
            sqlite3_reset(statement)
            sqlite3_clear_bindings(statement)
        }
        for index in values.indices { try bind(values[index], at: Int32(index + 1)) }
        while true {
            switch sqlite3_step(statement) {
            case SQLITE_ROW: body(Row(statement))
            case SQLITE_DONE: return
            default: throw StoreError(database, sql)
            }
        }
    }

    private func bind(_ value: StoreValue, at index: Int32) throws(StoreError) {
        let code =
            switch value {
            case .integer(let number): sqlite3_bind_int64(statement, index, Int64(number))
            case .text(let text): CSQLite_bind_text(statement, index, text, Int32(text.utf8.count))
            case .blob(let bytes): CSQLite_bind_blob(statement, index, bytes, Int32(bytes.count))
            case .null: sqlite3_bind_null(statement, index)
            }
        guard code == SQLITE_OK else { throw StoreError(database, sql) }
    }
}
