package import Glibc

/// Why a file could not be read or written, in the system's words.
package struct FileError: Error, CustomStringConvertible {
    package let code: Int32
    package let description: String

    /// Captures errno: make it the first thing after the call that failed.
    package init(code: Int32 = errno) {
        self.code = code
        description = String(cString: strerror(code))
    }
}

/// Small files, read and written whole.
package enum File {
    /// The bytes of `path`, which may have up to `limit` of them (EFBIG beyond).
    package static func read(_ path: String, limit: Int) throws(FileError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError() }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0 { throw FileError() }
            if count == 0 { return bytes }
            bytes += chunk[0..<count]
            guard bytes.count <= limit else { throw FileError(code: EFBIG) }
        }
    }

    /// Writes a new file with this mode, to disk before it returns; EEXIST where there is one already.
    package static func create(_ path: String, _ bytes: Span<UInt8>, mode: mode_t) throws(FileError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw FileError() }
        defer { close(descriptor) }
        do throws(FileError) {
            try write(bytes, to: descriptor)
        } catch {
            unlink(path)
            throw error
        }
        guard fsync(descriptor) == 0 else { throw FileError() }
    }

    /// Gives a file a new content, to disk before it returns: whoever reads it meanwhile finds the old one or the new one,
    /// whole. Owner and mode stay. EEXIST where PATH.new is there: another replacement is under way, or broke off.
    package static func replace(_ path: String, _ bytes: Span<UInt8>) throws(FileError) {
        var old = stat()
        guard stat(path, &old) == 0 else { throw FileError() }
        let fresh = "\(path).new"
        try create(fresh, bytes, mode: 0o600)
        // A service of another user must still be able to read it.
        guard chown(fresh, old.st_uid, old.st_gid) == 0, chmod(fresh, old.st_mode & 0o777) == 0,
            rename(fresh, path) == 0
        else {
            let error = FileError()
            unlink(fresh)
            throw error
        }
        // A rename is on disk once its directory is.
        let directory = open(
            path.contains("/") ? String(path[..<path.lastIndex(of: "/")!]) + "/" : ".", O_RDONLY | O_CLOEXEC)
        guard directory >= 0 else { throw FileError() }
        defer { close(directory) }
        guard fsync(directory) == 0 else { throw FileError() }
    }

    /// The bytes that a file has.
    package static func size(of path: String) throws(FileError) -> Int {
        var facts = stat()
        guard stat(path, &facts) == 0 else { throw FileError() }
        return Int(facts.st_size)
    }

    package static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }
}
