internal import CCrypto

/// Hashes, randomness and keys from libcrypto.
package enum Crypto {
    /// The SHA-1 of `bytes` in hexadecimal: how Redis names a script (EVALSHA).
    package static func sha1Hex(_ bytes: Span<UInt8>) -> String { hex(bytes, EVP_sha1()) }

    /// The SHA-256 of `bytes` in hexadecimal.
    package static func sha256Hex(_ bytes: Span<UInt8>) -> String { hex(bytes, EVP_sha256()) }

    /// `count` bytes that nobody can guess (RAND_bytes).
    package static func randomBytes(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        precondition(RAND_bytes(&bytes, Int32(count)) == 1, "the system's random source failed")
        return bytes
    }

    /// `count` random bytes in hexadecimal.
    package static func randomHex(_ count: Int) -> String {
        var text = ByteBuffer(capacity: count * 2)
        text.append(hex: randomBytes(count).span)
        return text.string
    }

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

    /// A new Ed25519 private key as PKCS#8 PEM (RFC 8410).
    package static func newEd25519PEM() -> String {
        guard let key = CCrypto_generate_ed25519(), let memory = BIO_new(BIO_s_mem()) else {
            preconditionFailure("libcrypto has no Ed25519")
        }
        defer {
            EVP_PKEY_free(key)
            BIO_free(memory)
        }
        precondition(
            PEM_write_bio_PrivateKey(memory, key, nil, nil, 0, nil, nil) == 1, "writing a PEM to memory failed")
        var text = ByteBuffer(capacity: 256)
        text.append(upTo: 1024) { room in Int(max(0, BIO_read(memory, room.baseAddress, Int32(room.count)))) }
        return text.string
    }

    private static func hex(_ bytes: Span<UInt8>, _ algorithm: OpaquePointer?) -> String {
        var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var length: UInt32 = 0
        let done = bytes.withUnsafeBytes { EVP_Digest($0.baseAddress, $0.count, &digest, &length, algorithm, nil) }
        precondition(done == 1, "libcrypto lacks a standard digest")
        var text = ByteBuffer(capacity: Int(length) * 2)
        text.append(hex: digest.span.extracting(0..<Int(length)))
        return text.string
    }
}
