/// Signs receipts: JWS in compact form (RFC 7515) with EdDSA (RFC 8037).
package final class ReceiptSigner {
    /// The header's `typ`. A type of its own (RFC 8725 section 3.11) keeps a receipt from passing for another JWT whose
    /// issuer has the same key, and the other way round; the form `…+jwt`, without `application/`, is the one advised there.
    package static let type: StaticString = "receipt+jwt"
    /// RFC 9864 renames it Ed25519, but the libraries of today's distributions know only this name.
    package static let algorithm: StaticString = "EdDSA"

    private let key: Ed25519PrivateKey
    /// The protected header in base64url and its point, the same for every receipt.
    private var header = ByteBuffer(capacity: 160)
    private var claims = ByteBuffer(capacity: 320)
    private var signature = ByteBuffer(capacity: Ed25519PrivateKey.signatureSize)

    init(key: Ed25519PrivateKey) {
        self.key = key
        var json = ByteBuffer(capacity: 128)
        json.append("{")
        json.appendMember("alg", "\(Self.algorithm)")
        json.appendMember("kid", key.publicKey.keyID)
        json.appendMember("typ", "\(Self.type)")
        json.append("}")
        Base64URL.encode(json.bytes, into: &header)
        header.append(".")
    }

    /// Appends the receipt, signed. The same receipt under the same key is the same text for ever, as Ed25519 has no
    /// randomness.
    package func append(_ receipt: Receipt, to output: inout ByteBuffer) {
        claims.removeAll()
        claims.append(claims: receipt)
        let start = output.count
        output.append(header)
        claims.withBytes { Base64URL.encode($0, into: &output) }
        signature.removeAll()
        key.sign(output.bytes.extracting(start..<output.count), into: &signature)
        output.append(".")
        signature.withBytes { Base64URL.encode($0, into: &output) }
    }
}
