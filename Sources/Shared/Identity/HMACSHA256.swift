internal import CCrypto

/// HMAC-SHA256 under one key (RFC 2104), on libcrypto's SHA-256.
///
/// The key's two padded blocks are hashed once, so that each message costs only its own blocks and one more.
/// libcrypto's own HMAC copies its contexts for each message, and allocates: 0.27 µs for a 180-byte token instead of
/// 0.17 (docs/decisions/0007-hmac.md).
package final class HMACSHA256 {
    /// Bytes of a MAC.
    package static let size = 32
    private static let blockBytes = 64

    /// SHA-256 after the first block of the inner hash, and after that of the outer one.
    private let inner: SHA256_CTX
    private let outer: SHA256_CTX

    package init(key: [UInt8]) {
        let short = key.count <= Self.blockBytes ? key : Self.hash(key)
        let block = short + [UInt8](repeating: 0, count: Self.blockBytes - short.count)
        inner = Self.context(after: block.map { $0 ^ 0x36 })
        outer = Self.context(after: block.map { $0 ^ 0x5C })
    }

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

    /// libcrypto's SHA-256 functions always return 1, so there is no failure to check for.
    private func compute(_ message: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer) {
        let digest = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
        var context = inner
        SHA256_Update(&context, message.baseAddress, message.count)
        SHA256_Final(digest, &context)
        context = outer
        SHA256_Update(&context, digest, Self.size)
        SHA256_Final(digest, &context)
    }

    private static func context(after block: [UInt8]) -> SHA256_CTX {
        var context = SHA256_CTX()
        SHA256_Init(&context)
        SHA256_Update(&context, block, block.count)
        return context
    }

    private static func hash(_ key: [UInt8]) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: size)
        SHA256(key, key.count, &digest)
        return digest
    }
}
