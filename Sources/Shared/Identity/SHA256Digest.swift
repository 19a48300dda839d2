internal import CCrypto

/// A SHA-256 over bytes that arrive in pieces.
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

    /// The digest in hexadecimal. Nothing can be added afterwards.
    package func finish() -> String {
        var digest = [UInt8](repeating: 0, count: 32)
        precondition(EVP_DigestFinal_ex(context, &digest, nil) == 1, "libcrypto refuses to hash")
        return digest.span.hex
    }
}
