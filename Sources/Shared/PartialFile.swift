import Glibc

/// A file that appears whole or not at all: it is written as `FILE.partial`, and renamed once it has been synced.
///
/// An unfinished file is removed. A killed program leaves a `.partial`, which the next one overwrites.
package final class PartialFile {
    /// Where the file is written; nobody else who uses this type writes there.
    package let partialPath: String

    private let path: String
    private var descriptor: Int32

    /// Opens the file, readable by its owner only: what we write may name buyers. EWOULDBLOCK if another program is
    /// writing it.
    package init(_ path: String) throws(FileError) {
        self.path = path
        partialPath = Self.partialPath(of: path)
        descriptor = try Self.open(partialPath)
    }

    package static func partialPath(of path: String) -> String { "\(path).partial" }

    private static func open(_ path: String) throws(FileError) -> Int32 {
        while true {
            let descriptor = Glibc.open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
            guard descriptor >= 0 else { throw FileError() }
            do throws(FileError) {
                // Two programs at once would write into the same file.
                guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { throw FileError() }
                if FileIdentity(path: path) == FileIdentity(descriptor: descriptor) {
                    guard ftruncate(descriptor, 0) == 0 else { throw FileError() }
                    return descriptor
                }
            } catch {
                close(descriptor)
                throw error
            }
            // Whoever had the lock has finished meanwhile: this is the whole file, which must not be emptied.
            close(descriptor)
        }
    }

    deinit {
        guard descriptor >= 0 else { return }
        unlink(partialPath)
        close(descriptor)
    }

    package func append(_ bytes: Span<UInt8>) throws(FileError) { try File.write(bytes, to: descriptor) }

    /// Gives it the owner and mode of the file that it replaces: a service that runs as another user must still be able
    /// to read it.
    package func keepOwnerAndMode() throws(FileError) {
        var old = stat()
        guard stat(path, &old) == 0, fchown(descriptor, old.st_uid, old.st_gid) == 0,
            fchmod(descriptor, old.st_mode & 0o777) == 0
        else { throw FileError() }
    }

    /// Syncs what was written, for whoever makes room for the file: `finish` then has little left that can fail.
    package func sync() throws(FileError) {
        guard fsync(descriptor) == 0 else { throw FileError() }
    }

    /// Syncs the file and moves it to its place, where it replaces an earlier one.
    package func finish() throws(FileError) {
        try sync()
        guard rename(partialPath, path) == 0 else { throw FileError() }
        close(descriptor)
        descriptor = -1
        try File.syncDirectory(of: path)
    }
}
