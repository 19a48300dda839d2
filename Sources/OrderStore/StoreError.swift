internal import CSQLite

/// Why SQLite did not do what it was asked.
package struct StoreError: Error, CustomStringConvertible {
    /// SQLite's extended result code (sqlite.org/rescode.html).
    package let code: Int32
    /// What was being done, as SQL or in words. It never contains bound values.
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

    /// A row violates a constraint: trying again would not help.
    package var isConstraint: Bool { primaryCode == SQLITE_CONSTRAINT }

    /// A CHECK of the schema refused the row: SQLITE_CONSTRAINT_CHECK, a macro that Swift can't import.
    var isCheck: Bool { code == SQLITE_CONSTRAINT | 1 << 8 }

    /// SQLite can't take the row that was being written: trying again would not help, and other rows can be stored.
    ///
    /// True only for codes that nothing but a value can cause. Every other code, even one unknown here, counts as
    /// trouble with the file, the disk or memory, which passes: setting an entry aside for that would set aside the
    /// whole stream.
    package var concernsRow: Bool {
        switch primaryCode {
        case SQLITE_TOOBIG, SQLITE_CONSTRAINT, SQLITE_MISMATCH, SQLITE_RANGE: true
        default: false
        }
    }

    /// A file can't be written: its disk is full, or does not take it. Codes beyond the first are macros that Swift
    /// can't import (SQLITE_IOERR_WRITE, _FSYNC, _DIR_FSYNC, _TRUNCATE).
    package var isUnwritable: Bool {
        code == SQLITE_FULL || (3...6).map { SQLITE_IOERR | $0 << 8 }.contains(code)
    }

    package var description: String { "\(message) (SQLite \(code), \(operation))" }
}
