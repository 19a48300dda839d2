internal import CSQLite
import Shared

/// One connection to the SQLite file, closed with its owner.
final class Database {
    enum Access { case write, read }

    /// How long a statement waits for a lock that another process holds, in milliseconds. Readers of a WAL database take
    /// none that a writer needs; what remains is somebody's shell with a transaction open.
    private static let busyMilliseconds: Int32 = 1000

    let handle: OpaquePointer
    /// Let go of when the connection is closed, and not before: the last one to close makes a checkpoint.
    private let lock: StoreLock?
    /// Statements that are used again and again, by where their text stands in the program.
    private var statements: [UnsafePointer<UInt8>: Statement] = [:]

    /// Opens `path`; for writing it is made where it isn't there.
    init(_ path: String, _ access: Access, lock: StoreLock? = nil) throws(StoreError) {
        // NOMUTEX: one thread uses the connection, so SQLite's own locks would be paid for nothing.
        let flags =
            switch access {
            case .write: SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX
            case .read: SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX
            }
        var made: OpaquePointer?
        let code = sqlite3_open_v2(path, &made, flags, nil)
        guard code == SQLITE_OK, let made else {
            let error = StoreError(made, "open \(path)")
            sqlite3_close_v2(made)
            throw error
        }
        handle = made
        self.lock = lock
        sqlite3_extended_result_codes(made, 1)
        sqlite3_busy_timeout(made, Self.busyMilliseconds)
        // Only the writer may checkpoint (StoreLock). A read-only connection can't; this says so to SQLite, too.
        if access == .read { _ = CSQLite_no_checkpoint_on_close(made) }
    }

    deinit {
        statements = [:]
        sqlite3_close_v2(handle)
    }

    /// Runs SQL that takes no values and gives no rows that matter.
    func execute(_ sql: String) throws(StoreError) {
        guard sqlite3_exec(handle, sql, nil, nil, nil) == SQLITE_OK else { throw StoreError(handle, sql) }
    }

    /// Runs a statement for its effect; answers how many rows it changed itself, not by triggers.
    @discardableResult func run(_ sql: StaticString, _ values: [StoreValue] = []) throws(StoreError) -> Int {
        try query(sql, values) { _ in }
        return Int(sqlite3_changes(handle))
    }

    /// Runs a statement and calls `body` with each row. It is prepared the first time, and kept.
    func query(
        _ sql: StaticString, _ values: [StoreValue] = [], _ body: (borrowing Row) -> Void
    ) throws(StoreError) {
        try statement(sql).query(values, body)
    }

    private func statement(_ sql: StaticString) throws(StoreError) -> Statement {
        if let prepared = statements[sql.utf8Start] { return prepared }
        let made = try Statement(handle, sql.description)
        statements[sql.utf8Start] = made
        return made
    }

    /// The integer that a PRAGMA or a SELECT of one row answers.
    func integer(_ sql: String) throws(StoreError) -> Int {
        var value = 0
        try Statement(handle, sql).query([]) { value = $0.integer(0) }
        return value
    }

    /// Runs `body` in one transaction that takes the write lock at once: a transaction that begins by reading and then
    /// writes can fail with SQLITE_BUSY without waiting (sqlite.org/lang_transaction.html).
    func transaction<R>(_ body: () throws(StoreError) -> R) throws(StoreError) -> R {
        try execute("BEGIN IMMEDIATE")
        do throws(StoreError) {
            let result = try body()
            try execute("COMMIT")
            return result
        } catch {
            // Some errors (full disk, I/O) have rolled back already; a second ROLLBACK then only says so.
            sqlite3_exec(handle, "ROLLBACK", nil, nil, nil)
            throw error
        }
    }
}
