import Glibc
package import Shared

/// The files of a database: the database itself, its log and the log's index. Only the holder of its lock may use this,
/// except for `own`.
package enum DatabaseFiles {
    private static let suffixes = ["", "-wal", "-shm"]
    /// The lock, and the copy that `salectl restore` is writing.
    private static let suffixesBeside = [".lock", ".partial"]

    /// The file of the database at `path`, or beside it, that `file` is by whatever name; nil if it is none. One that
    /// does not exist now is known by its folder and its name.
    package static func own(_ path: String, named file: String) -> String? {
        [path, resolved(path)].flatMap { base in (suffixes + suffixesBeside).map { base + $0 } }.first { own in
            if let identity = FileIdentity(path: own) { return identity == FileIdentity(path: file) }
            guard let folder = FileIdentity(path: File.directory(of: own)) else { return false }
            return folder == FileIdentity(path: File.directory(of: file)) && name(own) == name(file)
        }
    }

    /// Where a link leads: SQLite has the log there.
    private static func resolved(_ path: String) -> String {
        guard let real = realpath(path, nil) else { return path }
        defer { free(real) }
        return String(cString: real)
    }

    private static func name(_ path: String) -> Substring? { path.split(separator: "/").last }

    /// The files that exist.
    package static func existing(_ path: String) -> [String] {
        suffixes.map { path + $0 }.filter { File.exists($0) }
    }

    /// Gives a database another name, whole; nothing is deleted.
    ///
    /// The log holds what is committed and not in the file yet, so they move together: first all of them get their
    /// second name, then the first names are removed, the database's own before its log's. If the process is killed in
    /// between, no file is ever without the log that belongs to it. SQLite ignores a log without its file, and the next
    /// call moves it.
    package static func setAside(_ path: String, as aside: String) throws(FileError) {
        let present = suffixes.filter { File.exists(path + $0) }
        for suffix in present {
            guard link(path + suffix, aside + suffix) == 0 else { throw FileError() }
        }
        try File.syncDirectory(of: path)
        for suffix in present {
            guard unlink(path + suffix) == 0 else { throw FileError() }
        }
        try File.syncDirectory(of: path)
    }
}
