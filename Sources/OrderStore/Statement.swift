internal import CSQLite

/// A value to be bound.
enum StoreValue {
    case integer(Int)
    case text(String)
    case blob([UInt8])
    case null

    /// An optional as a value or NULL.
    static func optional(_ value: Int?) -> StoreValue { value.map { .integer($0) } ?? .null }
    static func optional(_ value: String?) -> StoreValue { value.map { .text($0) } ?? .null }
    static func optional(_ value: [UInt8]?) -> StoreValue { value.map { .blob($0) } ?? .null }
}

/// A prepared statement, finalized with its owner; every use resets it, so it is ready for the next.
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

    /// Runs it and calls `body` with each row.
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

/// The row that a statement stands on, readable while it does.
struct Row: ~Copyable {
    private let statement: OpaquePointer

    fileprivate init(_ statement: OpaquePointer) { self.statement = statement }

    func integer(_ column: Int32) -> Int { Int(sqlite3_column_int64(statement, column)) }

    func optionalInteger(_ column: Int32) -> Int? {
        sqlite3_column_type(statement, column) == SQLITE_NULL ? nil : integer(column)
    }

    func text(_ column: Int32) -> String {
        guard let bytes = sqlite3_column_text(statement, column) else { return "" }
        let count = Int(sqlite3_column_bytes(statement, column))
        return String(decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self)
    }

    func optionalText(_ column: Int32) -> String? {
        sqlite3_column_type(statement, column) == SQLITE_NULL ? nil : text(column)
    }

    func blob(_ column: Int32) -> [UInt8] {
        guard let bytes = sqlite3_column_blob(statement, column) else { return [] }
        return Array(UnsafeRawBufferPointer(start: bytes, count: Int(sqlite3_column_bytes(statement, column))))
    }

    func optionalBlob(_ column: Int32) -> [UInt8]? {
        sqlite3_column_type(statement, column) == SQLITE_NULL ? nil : blob(column)
    }
}
