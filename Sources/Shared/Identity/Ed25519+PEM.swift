internal import CCrypto

/// Ed25519 keys in PEM text (RFC 7468): PKCS#8 for private ones, SubjectPublicKeyInfo for public ones (RFC 8410).
package enum Ed25519PEM {
    package enum Block {
        case privateKey(Ed25519PrivateKey)
        case publicKey(Ed25519PublicKey)
        /// Anything other than an Ed25519 key in one of these two forms; with its label, such as `EC PRIVATE KEY`.
        case foreign(String)
    }

    /// The text has an incomplete block.
    package struct Broken: Error {}

    /// Every block of the text, in order. Text between blocks is for people, and is ignored.
    package static func blocks(_ text: Span<UInt8>) throws(Broken) -> [Block] {
        guard text.count > 0 else { return [] }
        let blocks = text.withUnsafeBytes { text -> [Block]? in
            // Reads the text in place. Its length must fit Int32; our files have a few kilobytes.
            guard let memory = BIO_new_mem_buf(text.baseAddress, Int32(text.count)) else { return nil }
            defer { BIO_free(memory) }
            var blocks: [Block] = []
            while let block = PEMBlock(from: memory) { blocks.append(block.key) }
            defer { ERR_clear_error() }
            return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE ? blocks : nil
        }
        // libcrypto ignores a first line that is cut off, and its key would be missing silently.
        guard let blocks, text.linesBeginning(with: UInt8(ascii: "-")) == 2 * blocks.count else { throw Broken() }
        return blocks
    }
}

extension Ed25519PrivateKey {
    /// PKCS#8, not encrypted.
    package var pem: String {
        pemText { PEM_write_bio_PrivateKey($0, key, nil, nil, 0, nil, nil) }
    }
}

extension Ed25519PublicKey {
    /// SubjectPublicKeyInfo.
    package var pem: String {
        pemText { PEM_write_bio_PUBKEY($0, key) }
    }
}

private func pemText(_ write: (OpaquePointer) -> Int32) -> String {
    guard let memory = BIO_new(BIO_s_mem()) else { preconditionFailure("libcrypto has no memory for a PEM") }
    defer { BIO_free(memory) }
    precondition(write(memory) == 1, "writing a PEM to memory failed")
    var text = ByteBuffer(capacity: 256)
    // A private key has 119 bytes, a public one 113.
    text.append(upTo: 1024) { room in Int(max(0, BIO_read(memory, room.baseAddress, Int32(room.count)))) }
    return text.string
}

/// One block as libcrypto reads it.
private struct PEMBlock: ~Copyable {
    private var label: UnsafeMutablePointer<CChar>?
    private var header: UnsafeMutablePointer<CChar>?
    private var content: UnsafeMutablePointer<UInt8>?
    private var count = 0

    /// nil if there are no more blocks, or the next one is broken; the error queue tells which.
    init?(from memory: OpaquePointer) {
        ERR_clear_error()
        guard PEM_read_bio(memory, &label, &header, &content, &count) == 1 else { return nil }
    }

    deinit {
        CRYPTO_free(label, nil, 0)
        CRYPTO_free(header, nil, 0)
        // It may be a private key, so it is overwritten before it is freed.
        CRYPTO_clear_free(content, count, nil, 0)
    }

    var key: Ed25519PEM.Block {
        let label = label.map { String(cString: $0) } ?? ""
        var start = UnsafePointer(content)
        switch label {
        case "PRIVATE KEY":
            guard let key = d2i_AutoPrivateKey(nil, &start, count), let own = Ed25519PrivateKey(owning: key) else {
                return .foreign(label)
            }
            return .privateKey(own)
        case "PUBLIC KEY":
            guard let key = d2i_PUBKEY(nil, &start, count) else { return .foreign(label) }
            defer { EVP_PKEY_free(key) }
            guard let own = Ed25519PublicKey(publicHalfOf: key) else { return .foreign(label) }
            return .publicKey(own)
        default: return .foreign(label)
        }
    }
}

extension Span<UInt8> {
    fileprivate func linesBeginning(with byte: UInt8) -> Int {
        var lines = 0
        for index in indices where self[index] == byte && (index == 0 || self[index - 1] == UInt8(ascii: "\n")) {
            lines += 1
        }
        return lines
    }
}
