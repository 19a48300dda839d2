internal import CCrypto
import Glibc

/// A SHA-256 over bytes that come piece by piece.
package final class SHA256Digest {
    private let context: OpaquePointer

    package init() {
        guard let made = EVP_MD_CTX_new(), EVP_DigestInit_ex(made, EVP_sha256(), nil) == 1 else {
            preconditionFailure("libcrypto lacks a standard digest")
        }
        context = made
    }

    deinit { EVP_MD_CTX_free(context) }

    package func update(_ bytes: Span<UInt8>) {
        let done = bytes.withUnsafeBytes { EVP_DigestUpdate(context, $0.baseAddress, $0.count) }
        precondition(done == 1, "libcrypto refuses to hash")
    }

    /// The digest in hexadecimal; nothing can be added afterwards.
    package func finish() -> String {
        var digest = [UInt8](repeating: 0, count: 32)
        precondition(EVP_DigestFinal_ex(context, &digest, nil) == 1, "libcrypto refuses to hash")
        var text = ByteBuffer(capacity: 64)
        text.append(hex: digest.span)
        return text.string
    }
}

extension File {
    /// Calls `body` with a file's bytes, a mebibyte at a time.
    package static func forEachPiece(
        of path: String, _ body: (Span<UInt8>) throws(FileError) -> Void
    ) throws(FileError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError() }
        defer { close(descriptor) }
        var piece = [UInt8](repeating: 0, count: 1 << 20)
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
}
