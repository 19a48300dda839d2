package import Glibc

/// Reading, creating and syncing files by their paths.
package enum File {
    /// The bytes of a file of at most `limit` bytes (EFBIG if it is larger).
    package static func read(_ path: String, limit: Int) throws(FileError) -> [UInt8] {
        var bytes: [UInt8] = []
        try forEachPiece(of: path, pieceBytes: 65536) { (piece) throws(FileError) in
            piece.withUnsafeBufferPointer { bytes += $0 }
            guard bytes.count <= limit else { throw FileError(code: EFBIG) }
        }
        return bytes
    }

    /// Calls `body` with a file's bytes, up to `pieceBytes` at a time.
    package static func forEachPiece(
        of path: String, pieceBytes: Int = 1 << 20, _ body: (Span<UInt8>) throws(FileError) -> Void
    ) throws(FileError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError() }
        defer { close(descriptor) }
        var piece = [UInt8](repeating: 0, count: pieceBytes)
        while true {
            let count = Glibc.read(descriptor, &piece, piece.count)
            if count < 0, errno == EINTR { continue }
            if count < 0 { throw FileError() }
            if count == 0 { return }
            try body(piece.span.extracting(0..<count))
        }
    }

    /// The SHA-256 of a file in hexadecimal.
    package static func sha256Hex(of path: String) throws(FileError) -> String {
        let digest = SHA256Digest()
        try forEachPiece(of: path) { piece in digest.update(piece) }
        return digest.finish()
    }

    /// Writes a new file with this mode, and syncs it before it returns; EEXIST if there already is one. If it throws,
    /// it leaves no file of its own.
    package static func create(_ path: String, _ bytes: Span<UInt8>, mode: mode_t) throws(FileError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw FileError() }
        defer { close(descriptor) }
        do throws(FileError) {
            try write(bytes, to: descriptor)
            guard fsync(descriptor) == 0 else { throw FileError() }
        } catch {
            unlink(path)
            throw error
        }
    }

    static func write(_ bytes: Span<UInt8>, to descriptor: Int32) throws(FileError) {
        var written = 0
        while written < bytes.count {
            let count = bytes.extracting(written..<bytes.count).withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress, $0.count)
            }
            if count < 0, errno == EINTR { continue }
            if count < 0 { throw FileError() }
            written += count
        }
    }

    /// The directory that a file is in.
    package static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// Syncs the directory that a file is in: only then does the file's name survive a power cut.
    package static func syncDirectory(of path: String) throws(FileError) { try sync(directory(of: path)) }

    /// Syncs a file or a directory.
    package static func sync(_ path: String) throws(FileError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError() }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw FileError() }
    }

    /// A file's size in bytes.
    package static func size(of path: String) throws(FileError) -> Int {
        var facts = stat()
        guard stat(path, &facts) == 0 else { throw FileError() }
        return Int(facts.st_size)
    }

    /// Whether there is a file; throws if that can't be found out, as without the right to search its directory.
    package static func isThere(_ path: String) throws(FileError) -> Bool {
        if exists(path) { return true }
        guard errno == ENOENT else { throw FileError() }
        return false
    }

    package static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }
}
