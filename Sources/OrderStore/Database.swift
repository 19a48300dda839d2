internal import CSQLite
import Shared

/// One connection to the SQLite file, closed with its owner.
final class Database {
    enum Access { case write, read }

    /// How long a statement waits for a lock that another process holds, in milliseconds. Readers of a WAL database
    /// take no lock that a writer needs, so in practice that is somebody's shell with an open transaction.
    private static let busyMilliseconds: Int32 = 1000

    let handle: OpaquePointer
    /// Released after the connection is closed, never before: the last connection to close makes a checkpoint.
    private let lock: StoreLock?
    /// Prepared statements that are used again and again, by where their text stands in the program.
    private var statements: [StatementKey: Statement] = [:]

    private struct StatementKey: Hashable {
        let start: UnsafePointer<UInt8>
        let rest: UnsafePointer<UInt8>
    }

    /// Opens `path`. Opening it for writing creates the file if it does not exist.
    init(_ path: String, _ access: Access, lock: StoreLock? = nil) throws(StoreError) {
        // NOMUTEX: only one thread uses the connection, so it does not need SQLite's own locks.
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
        // Only the writer may checkpoint (StoreLock). A read-only connection can't, and this tells SQLite not to try.
        if access == .read { _ = CSQLite_no_checkpoint_on_close(made) }
    }

    deinit {
        statements = [:]
        sqlite3_close_v2(handle)
    }

    /// Runs SQL that takes no values and whose rows don't matter.
    func execute(_ sql: String) throws(StoreError) {
        guard sqlite3_exec(handle, sql, nil, nil, nil) == SQLITE_OK else { throw StoreError(handle, sql) }
    }

    /// Runs a statement for its effect and returns how many rows the statement itself, not a trigger, changed.
    @discardableResult func run(_ sql: StaticString, _ values: [StoreValue] = []) throws(StoreError) -> Int {
        try query(sql, values) { _ in }
        return Int(sqlite3_changes(handle))
    }

    // MARK: Queries

    /// Runs a statement and calls `body` with each row. The statement is prepared once and kept.
    func query(
        _ sql: StaticString, _ values: [StoreValue] = [], _ body: (borrowing Row) -> Void
    ) throws(StoreError) {
        try query(sql, "", values, body)
    }

    /// The same for SQL in two parts: a `start` that several statements share, such as a list of columns, and the
    /// `rest`.
    func query(
        _ start: StaticString, _ rest: StaticString, _ values: [StoreValue], _ body: (borrowing Row) -> Void
    ) throws(StoreError) {
        try statement(start, rest).query(values, body)
    }

    /// What `read` makes of the first row; nil if there is no row.
    func first<T>(
        _ sql: StaticString, _ values: [StoreValue] = [], _ read: (borrowing Row) -> T
    ) throws(StoreError) -> T? {
        var result: T?
        try query(sql, values) { row in
            if result == nil { result = read(row) }
        }
        return result
    }

    /// What `read` makes of each row, without the rows of which it makes nothing.
    func all<T>(
        _ sql: StaticString, _ values: [StoreValue] = [], _ read: (borrowing Row) -> T?
    ) throws(StoreError) -> [T] {
        try all(sql, "", values, read)
    }

    /// The same for SQL in two parts.
    func all<T>(
        _ start: StaticString, _ rest: StaticString, _ values: [StoreValue], _ read: (borrowing Row) -> T?
    ) throws(StoreError) -> [T] {
        var result: [T] = []
        try query(start, rest, values) { row in
            if let value = read(row) { result.append(value) }
        }
        return result
    }

    /// The integer that a one-row query returns, such as a count or a PRAGMA; 0 if there is no row, or it has NULL.
    func integer(_ sql: StaticString, _ values: [StoreValue] = []) throws(StoreError) -> Int {
        try first(sql, values) { $0.integer(0) } ?? 0
    }

    /// Whether the query has a row.
    func exists(_ sql: StaticString, _ values: [StoreValue]) throws(StoreError) -> Bool {
        try first(sql, values) { _ in true } ?? false
    }

    private func statement(_ start: StaticString, _ rest: StaticString) throws(StoreError) -> Statement {
        let key = StatementKey(start: start.utf8Start, rest: rest.utf8Start)
        if let prepared = statements[key] { return prepared }
        let made = try Statement(handle, "\(start)\(rest)")
        statements[key] = made
        return made
    }

    // MARK: Transactions

    /// Runs `body` in one transaction that takes the write lock at once: a transaction that begins by reading and then
    /// writes can fail with SQLITE_BUSY without waiting (sqlite.org/lang_transaction.html).
    ///
    /// If `body` throws, or `rehearsing` is set, everything that it did is rolled back.
    func transaction<R>(rehearsing: Bool = false, _ body: () throws(StoreError) -> R) throws(StoreError) -> R {
        try execute("BEGIN IMMEDIATE")
        do throws(StoreError) {
            let result = try body()
            try execute(rehearsing ? "ROLLBACK" : "COMMIT")
            return result
        } catch {
            // Some errors (full disk, I/O) have rolled back already. The second ROLLBACK then fails, which is harmless.
            sqlite3_exec(handle, "ROLLBACK", nil, nil, nil)
            throw error
        }
    }

    /// Runs `body` within the open transaction. An error that concerns a row undoes what `body` did and leaves the
    /// transaction open; any other error may have ended the transaction, so its owner must let it fail.
    ///
    /// SQLite itself undoes only the statement that failed (sqlite.org/lang_transaction.html, "Response To Errors
    /// Within A Transaction"). The savepoint undoes the statements before it.
    func savepoint<R>(_ body: () throws(StoreError) -> R) throws(StoreError) -> R {
        try execute("SAVEPOINT entry")
        do throws(StoreError) {
            let result = try body()
            try execute("RELEASE entry")
            return result
        } catch {
            if error.concernsRow { try execute("ROLLBACK TO entry; RELEASE entry") }
            throw error
        }
    }
}
