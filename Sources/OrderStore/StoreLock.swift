import Glibc
package import Shared

/// The right to write the database: an exclusive lock on the file beside it, held until this is freed or the process
/// ends.
///
/// SQLite 3.40 can corrupt a WAL that two connections write or checkpoint at once (sqlite.org/wal.html#walresetbug), so
/// one process writes, and a second one stands by until the lock is free. Closing the file makes a checkpoint, so an
/// `OrderStore` keeps its lock until it has closed the file.
package final class StoreLock {
    private let descriptor: Int32

    private init(_ descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    /// The lock's file, which nobody else can have locked.
    package var file: FileIdentity { FileIdentity(descriptor: descriptor) }

    /// The lock for the database at `path`; nil while another process has it.
    ///
    /// A link is not followed: root, who restores a backup in the worker's own folder, would make a file anywhere.
    package static func take(for path: String) throws(FileError) -> StoreLock? {
        let descriptor = open("\(path).lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw FileError() }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let error = FileError()
            close(descriptor)
            if error.code == EWOULDBLOCK { return nil }
            throw error
        }
        return StoreLock(descriptor)
    }
}
