internal import CCrypto

/// An Ed25519 public key (RFC 8032). It verifies signatures of its private key.
package final class Ed25519PublicKey {
    /// Bytes of a public key.
    package static let size = 32

    package let bytes: [UInt8]
    let key: OpaquePointer

    /// nil unless there are 32 bytes.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.size,
            let key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, bytes, bytes.count)
        else { return nil }
        self.bytes = bytes
        self.key = key
    }

    /// The public half of a libcrypto key; nil if it is of another kind.
    convenience init?(publicHalfOf key: OpaquePointer) {
        var bytes = [UInt8](repeating: 0, count: Self.size)
        var count = bytes.count
        guard EVP_PKEY_get_id(key) == EVP_PKEY_ED25519, EVP_PKEY_get_raw_public_key(key, &bytes, &count) == 1 else {
            return nil
        }
        self.init(bytes)
    }

    deinit { EVP_PKEY_free(key) }

    /// Whether `signature` is this key's signature of `message`.
    package func isValid(_ signature: Span<UInt8>, for message: Span<UInt8>) -> Bool {
        guard let context = EVP_MD_CTX_new() else { preconditionFailure("libcrypto has no memory for a signature") }
        defer { EVP_MD_CTX_free(context) }
        // Ed25519 does its own hashing: naming a digest is an error (EVP_SIGNATURE-ED25519(7)).
        precondition(EVP_DigestVerifyInit(context, nil, nil, nil, key) == 1, "libcrypto lacks Ed25519")
        let verdict = signature.withUnsafeBufferPointer { signature in
            message.withUnsafeBufferPointer { message in
                EVP_DigestVerify(context, signature.baseAddress, signature.count, message.baseAddress, message.count)
            }
        }
        ERR_clear_error()  // a signature that doesn't fit leaves its reason in the thread's queue
        return verdict == 1
    }
}

/// An Ed25519 private key. Its signature of a message is always the same, because there is no randomness in it (RFC
/// 8032 section 5.1.6).
package final class Ed25519PrivateKey {
    /// Bytes of a signature.
    package static let signatureSize = 64

    package let publicKey: Ed25519PublicKey
    let key: OpaquePointer

    /// Takes ownership of a libcrypto key; if it is of another kind, frees it and returns nil.
    init?(owning key: OpaquePointer) {
        guard let publicKey = Ed25519PublicKey(publicHalfOf: key) else {
            EVP_PKEY_free(key)
            return nil
        }
        self.publicKey = publicKey
        self.key = key
    }

    /// Makes a new key.
    package convenience init() {
        guard let key = CCrypto_generate_ed25519() else { preconditionFailure("libcrypto lacks Ed25519") }
        self.init(owning: key)!
    }

    deinit { EVP_PKEY_free(key) }

    /// Appends the signature of `message` to `output`. Takes 22 µs.
    package func sign(_ message: Span<UInt8>, into output: inout ByteBuffer) {
        guard let context = EVP_MD_CTX_new() else { preconditionFailure("libcrypto has no memory for a signature") }
        defer { EVP_MD_CTX_free(context) }
        precondition(EVP_DigestSignInit(context, nil, nil, nil, key) == 1, "libcrypto lacks Ed25519")
        output.append(upTo: Self.signatureSize) { room in
            var written = room.count
            let signature = room.baseAddress?.assumingMemoryBound(to: UInt8.self)
            let done = message.withUnsafeBufferPointer {
                EVP_DigestSign(context, signature, &written, $0.baseAddress, $0.count)
            }
            precondition(done == 1 && written == Self.signatureSize, "signing memory can't fail")
            return written
        }
    }
}
