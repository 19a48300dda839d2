import Glibc

/// A file that appears whole or not at all: it is written as `FILE.partial`, and renamed once it has been synced.
///
/// An unfinished file is removed. A killed program leaves a `.partial`, which the next one overwrites.
package final class PartialFile {
    private let path: String
    private var descriptor: Int32

    private var partialPath: String { "\(path).partial" }

    /// Opens the file, readable by its owner only: what we write may name buyers.
    package init(_ path: String) throws(FileError) {
        self.path = path
        descriptor = open("\(path).partial", O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw FileError() }
        // Two programs at once would write into the same file.
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0, ftruncate(descriptor, 0) == 0 else {
            let error = FileError()
            close(descriptor)
            descriptor = -1
            throw error
        }
    }

    deinit {
        guard descriptor >= 0 else { return }
        unlink(partialPath)
        close(descriptor)
    }

    package func append(_ bytes: Span<UInt8>) throws(FileError) { try File.write(bytes, to: descriptor) }

    /// Syncs the file and moves it to its place, where it replaces an earlier one.
    package func finish() throws(FileError) {
        guard fsync(descriptor) == 0 else { throw FileError() }
        guard rename(partialPath, path) == 0 else { throw FileError() }
        close(descriptor)
        descriptor = -1
        try File.syncDirectory(of: path)
    }
}
