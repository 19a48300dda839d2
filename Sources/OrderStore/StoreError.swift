internal import CSQLite

/// Why SQLite did not do what it was asked.
package struct StoreError: Error, CustomStringConvertible {
    /// SQLite's extended result code (sqlite.org/rescode.html).
    package let code: Int32
    /// What was being done, as SQL or in words. Bound values are never part of it.
    package let operation: String
    package let message: String

    package init(code: Int32, operation: String, message: String) {
        self.code = code
        self.operation = operation
        self.message = message
    }

    /// The error that a database handle has just reported.
    init(_ database: OpaquePointer?, _ operation: String) {
        self.init(
            code: sqlite3_extended_errcode(database), operation: operation,
            message: String(cString: sqlite3_errmsg(database)))
    }

    private var primaryCode: Int32 { code & 0xFF }

    /// A row contradicts a constraint: trying again would not help.
    package var isConstraint: Bool { primaryCode == SQLITE_CONSTRAINT }

    package var description: String { "\(message) (SQLite \(code), \(operation))" }
}
