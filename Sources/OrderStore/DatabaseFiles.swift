import Glibc
package import Shared

/// The files of a database: itself, its log and the log's index. Only for whoever holds its lock.
package enum DatabaseFiles {
    private static let suffixes = ["", "-wal", "-shm"]

    /// Those that are there.
    package static func existing(_ path: String) -> [String] {
        suffixes.map { path + $0 }.filter { File.exists($0) }
    }

    /// Gives a database another name, whole; nothing is deleted.
    ///
    /// The log holds what is committed and not in the file yet, so they go together: first all of them get their second name,
    /// then the first names go, the database's own before its log's. Killed in between, there is no moment at which a file
    /// stands without a log that belongs to it; a log without its file is ignored by SQLite, and moved by the next call.
    package static func setAside(_ path: String, as aside: String) throws(FileError) {
        let there = suffixes.filter { File.exists(path + $0) }
        for suffix in there {
            guard link(path + suffix, aside + suffix) == 0 else { throw FileError() }
        }
        try File.syncDirectory(of: path)
        for suffix in there {
            guard unlink(path + suffix) == 0 else { throw FileError() }
        }
        try File.syncDirectory(of: path)
    }
}
