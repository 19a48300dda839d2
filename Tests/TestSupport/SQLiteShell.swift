import Foundation

/// Debian's sqlite3: somebody else's hand on the file.
package enum SQLiteShell {
    package struct Failed: Error {
        package let message: String
    }

    /// Runs SQL and answers its lines.
    package static func run(_ path: String, _ sql: String) throws -> [String] {
        let result = try ChildProcess.run(URL(fileURLWithPath: "/usr/bin/sqlite3"), [path, sql])
        guard result.code == 0 else { throw Failed(message: result.errors) }
        return result.output.split(separator: "\n").map(String.init)
    }
}

/// A shell that holds the database's write lock, or only reads it as of one instant, until it is released.
package final class SQLiteLock {
    private let directory: TemporaryDirectory
    private let shell: ChildProcess
    private let input = Pipe()
    private let output = Pipe()

    package init(_ path: String, readOnly: Bool = false) throws {
        directory = try TemporaryDirectory()
        shell = try ChildProcess(
            URL(fileURLWithPath: "/usr/bin/sqlite3"), [path], errorLog: directory.url.appendingPathComponent("err"),
            input: input.fileHandleForReading, output: output.fileHandleForWriting)
        // The shell has its own of these two: where it ends, we are told.
        try input.fileHandleForReading.close()
        try output.fileHandleForWriting.close()
        // Somebody may be writing at this very moment; and after an error the shell would skip the rest of the line in silence.
        let begin = readOnly ? "BEGIN;\nSELECT count(*) FROM sales;\n" : "BEGIN IMMEDIATE;\nSELECT 'locked';\n"
        input.fileHandleForWriting.write(Data(".timeout 60000\n\(begin)".utf8))
        _ = output.fileHandleForReading.availableData  // its word that it has the lock
    }

    deinit { release() }

    package func release() {
        guard shell.isRunning else { return }
        try? input.fileHandleForWriting.close()
        shell.wait()
    }
}
