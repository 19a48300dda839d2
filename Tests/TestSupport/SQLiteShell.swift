import Foundation
import Glibc

/// Deletes a database, its log and the log's index. No program may be using it.
package func removeDatabase(_ path: String) {
    for suffix in ["", "-wal", "-shm"] { unlink(path + suffix) }
}

/// Debian's sqlite3: another program that accesses the file.
package enum SQLiteShell {
    package struct Failed: Error {
        package let message: String
    }

    /// Runs SQL and returns the lines of its output.
    package static func run(_ path: String, _ sql: String, readOnly: Bool = false) throws -> [String] {
        let result = try ChildProcess.run(
            URL(fileURLWithPath: "/usr/bin/sqlite3"), (readOnly ? ["-readonly"] : []) + [path, sql])
        guard result.code == 0 else { throw Failed(message: result.errors) }
        return result.output.split(separator: "\n").map(String.init)
    }
}

/// A shell that holds the database's write lock, or only a read transaction, until it is released.
package final class SQLiteLock {
    private let directory: TemporaryDirectory
    private let shell: ChildProcess
    private let input = Pipe()
    private let output = Pipe()

    package init(_ path: String, readOnly: Bool = false) throws {
        directory = try TemporaryDirectory()
        shell = try ChildProcess(
            URL(fileURLWithPath: "/usr/bin/sqlite3"), ["-bail", path],
            errorLog: directory.url.appendingPathComponent("err"),
            input: input.fileHandleForReading, output: output.fileHandleForWriting)
        // The shell has its own copies of these two. We close ours, so that we notice when it ends.
        try input.fileHandleForReading.close()
        try output.fileHandleForWriting.close()
        // Another program may be writing at this moment, so there is a timeout. A transaction that only reads holds
        // nothing before it has read.
        let begin = readOnly ? "BEGIN; SELECT count(*) > -1 FROM sales;" : "BEGIN IMMEDIATE; SELECT 1;"
        input.fileHandleForWriting.write(Data(".timeout 60000\n\(begin)\n".utf8))
        guard output.fileHandleForReading.availableData == Data("1\n".utf8) else {
            throw SQLiteShell.Failed(message: shell.errors)
        }
    }

    deinit { release() }

    package func release() {
        guard shell.isRunning else { return }
        try? input.fileHandleForWriting.close()
        shell.wait()
    }
}
