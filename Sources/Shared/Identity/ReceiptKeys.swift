/// The receipt keys: the one that signs, and the retired ones.
package struct ReceiptKeys {
    /// Why a file can't be used. `message` is a sentence for the person who edits it.
    package struct Malformed: Error, Equatable {
        package let message: String
    }

    /// Bytes that their file may have. A private key's block has 119 and a public one's 113, so five hundred rotations
    /// fit.
    package static let fileBytesMax = 1 << 16

    private let signingKey: Ed25519PrivateKey
    /// They no longer sign, but still verify the receipts that they signed. Newest first.
    private let retired: [Ed25519PublicKey]

    package let signer: ReceiptSigner

    /// Reads PEM text: first the private key that signs, then the retired ones, private or public.
    ///
    /// As with buyers' keys, one bad key makes the whole text refused.
    package init(pem: Span<UInt8>) throws(Malformed) {
        let blocks: [Ed25519PEM.Block]
        do throws(Ed25519PEM.Broken) {
            blocks = try Ed25519PEM.blocks(pem)
        } catch {
            throw Malformed(message: "a block is incomplete, or a line outside a block begins with -")
        }
        var signingKey: Ed25519PrivateKey?
        var keys: [Ed25519PublicKey] = []
        for (index, block) in blocks.enumerated() {
            let key: Ed25519PublicKey
            switch block {
            case .privateKey(let privateKey):
                if index == 0 { signingKey = privateKey }
                key = privateKey.publicKey
            case .publicKey(let publicKey): key = publicKey
            case .foreign(let label):
                throw Malformed(
                    message: "block \(index + 1) (\(label)) is not an Ed25519 key in PKCS#8 or SubjectPublicKeyInfo "
                        + "form")
            }
            if let twin = keys.firstIndex(where: { $0.bytes == key.bytes }) {
                throw Malformed(message: "blocks \(twin + 1) and \(index + 1) have the same key")
            }
            keys.append(key)
        }
        guard !keys.isEmpty else { throw Malformed(message: "it has no keys") }
        guard let signingKey else {
            throw Malformed(message: "block 1 is a public key; the key that signs comes first")
        }
        self.signingKey = signingKey
        retired = Array(keys.dropFirst())
        signer = ReceiptSigner(key: signingKey)
    }

    /// The public keys, the signing one first.
    package var published: [Ed25519PublicKey] { [signingKey.publicKey] + retired }

    /// The PEM text with a new key in front, which signs from then on. Of the retired keys it has only the public half:
    /// nobody can sign with them again, and all receipts they signed can still be verified.
    package func rotatedPEM() -> String {
        Ed25519PrivateKey().pem + published.map(\.pem).joined()
    }
}

extension ByteBuffer {
    /// Appends the set of keys that verify receipts (RFC 7517); empty if there are none.
    package mutating func append(jwks keys: ReceiptKeys?) {
        appendObject { $0.appendMember("keys", objects: keys?.published ?? []) { $0.append(jwk: $1) } }
    }
}
