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

    /// The bytes that a file has.
    package static func size(of path: String) throws(FileError) -> Int {
        var facts = stat()
        guard stat(path, &facts) == 0 else { throw FileError() }
        return Int(facts.st_size)
    }

    package static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }
}
