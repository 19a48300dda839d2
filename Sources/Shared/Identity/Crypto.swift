internal import CCrypto

/// Hashes and random bytes from libcrypto.
package enum Crypto {
    /// The SHA-1 of `bytes` in hexadecimal: how Redis names a script (EVALSHA).
    package static func sha1Hex(_ bytes: Span<UInt8>) -> String { hex(bytes, EVP_sha1()) }

    /// The SHA-256 of `bytes` in hexadecimal.
    package static func sha256Hex(_ bytes: Span<UInt8>) -> String { hex(bytes, EVP_sha256()) }

    /// The SHA-256 of `bytes`, appended to `output`.
    package static func appendSHA256(_ bytes: Span<UInt8>, to output: inout ByteBuffer) {
        append(bytes, EVP_sha256(), to: &output)
    }

    /// Whether both are the same bytes. The time it takes depends only on their number (CRYPTO_memcmp).
    package static func isEqual(_ one: Span<UInt8>, _ other: Span<UInt8>) -> Bool {
        guard one.count == other.count else { return false }
        return one.withUnsafeBytes { one in
            other.withUnsafeBytes { CRYPTO_memcmp(one.baseAddress, $0.baseAddress, one.count) == 0 }
        }
    }

    /// `count` bytes that nobody can guess (RAND_bytes).
    package static func randomBytes(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        precondition(RAND_bytes(&bytes, Int32(count)) == 1, "the system's random source failed")
        return bytes
    }

    /// `count` random bytes in hexadecimal.
    package static func randomHex(_ count: Int) -> String { randomBytes(count).span.hex }

    /// A random UUID (RFC 9562 version 4).
    package static func uuid() -> String {
        var bytes = randomBytes(16)
        bytes[6] = bytes[6] & 0x0F | 0x40
        bytes[8] = bytes[8] & 0x3F | 0x80
        var text = ByteBuffer(capacity: 36)
        for (index, byte) in bytes.enumerated() {
            if [4, 6, 8, 10].contains(index) { text.append(UInt8(ascii: "-")) }
            text.append(hex: [byte].span)
        }
        return text.string
    }

    private static func hex(_ bytes: Span<UInt8>, _ algorithm: OpaquePointer?) -> String {
        var digest = ByteBuffer(capacity: Int(EVP_MAX_MD_SIZE))
        append(bytes, algorithm, to: &digest)
        return digest.bytes.hex
    }

    private static func append(_ bytes: Span<UInt8>, _ algorithm: OpaquePointer?, to output: inout ByteBuffer) {
        output.append(upTo: Int(EVP_MAX_MD_SIZE)) { room in
            let digest = room.baseAddress?.assumingMemoryBound(to: UInt8.self)
            var length: UInt32 = 0
            let done = bytes.withUnsafeBytes { EVP_Digest($0.baseAddress, $0.count, digest, &length, algorithm, nil) }
            precondition(done == 1, "libcrypto lacks a standard digest")
            return Int(length)
        }
    }
}
