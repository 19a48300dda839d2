internal import CCrypto

/// HMAC-SHA256 under one key (RFC 2104), its libcrypto context made once and reused for every message.
///
/// A reused EVP_MAC context takes 0.37 µs for a 180-byte token, the one-shot HMAC() 2.3 µs: it fetches the
/// algorithm anew each time.
package final class HMACSHA256 {
    /// Bytes of a MAC.
    package static let size = 32

    private let context: OpaquePointer

    package init(key: [UInt8]) {
        guard let algorithm = EVP_MAC_fetch(nil, "HMAC", nil), let context = EVP_MAC_CTX_new(algorithm) else {
            preconditionFailure("libcrypto lacks HMAC")
        }
        EVP_MAC_free(algorithm)  // the context keeps its own reference
        precondition(CCrypto_hmac_sha256_init(context, key, key.count) == 1, "libcrypto refused an HMAC key")
        self.context = context
    }

    deinit { EVP_MAC_CTX_free(context) }

    /// Appends the MAC of `message` to `output`.
    package func authenticate(_ message: Span<UInt8>, into output: inout ByteBuffer) {
        output.append(upTo: Self.size) { room in
            message.withUnsafeBytes { compute($0, room) }
            return Self.size
        }
    }

    /// Whether `mac` is the MAC of `message`, compared in constant time.
    package func isValid(_ mac: Span<UInt8>, for message: Span<UInt8>) -> Bool {
        guard mac.count == Self.size else { return false }
        return withUnsafeTemporaryAllocation(byteCount: Self.size, alignment: 8) { expected in
            message.withUnsafeBytes { compute($0, expected) }
            return mac.withUnsafeBytes { CRYPTO_memcmp($0.baseAddress, expected.baseAddress, Self.size) == 0 }
        }
    }

    private func compute(_ message: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer) {
        // A null key restarts the context with the key it has.
        var written = 0
        let bytes = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
        let done =
            EVP_MAC_init(context, nil, 0, nil) == 1
            && EVP_MAC_update(context, message.baseAddress?.assumingMemoryBound(to: UInt8.self), message.count) == 1
            && EVP_MAC_final(context, bytes, &written, Self.size) == 1
        precondition(done && written == Self.size, "HMAC over memory can't fail")
    }
}
