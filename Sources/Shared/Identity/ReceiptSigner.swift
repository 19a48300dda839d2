/// Signs receipts and the proofs of tickets: JWS in compact form (RFC 7515) with EdDSA (RFC 8037).
package final class ReceiptSigner {
    /// The header's `typ`. A type of its own (RFC 8725 section 3.11) keeps a receipt from passing for another JWT
    /// signed with the same key, and the other way round. That section also advises the form `…+jwt`, without
    /// `application/`.
    package static let type: StaticString = "receipt+jwt"
    /// RFC 9864 renames it to Ed25519, but the libraries in today's distributions know only this name.
    package static let algorithm: StaticString = "EdDSA"

    private let key: Ed25519PrivateKey
    /// The protected header in base64url and the dot after it, the same for every receipt.
    private var header = ByteBuffer(capacity: 160)
    /// The same for the proof of a ticket.
    private var proofHeader = ByteBuffer(capacity: 160)
    private var claims = ByteBuffer(capacity: 320)
    private var signature = ByteBuffer(capacity: Ed25519PrivateKey.signatureSize)

    init(key: Ed25519PrivateKey) {
        self.key = key
        header.append(headerOf: Self.type, key)
        proofHeader.append(headerOf: TicketProof.type, key)
    }

    /// Appends the signed receipt. The same receipt under the same key always has the same text, because Ed25519 has no
    /// randomness.
    package func append(_ receipt: Receipt, to output: inout ByteBuffer) {
        claims.removeAll()
        claims.append(claims: receipt)
        let start = output.count
        output.append(header)
        sign(from: start, &output)
    }

    /// Appends the signed proof of a ticket, which always has the same text too.
    package func append(_ proof: TicketProof, to output: inout ByteBuffer) {
        claims.removeAll()
        claims.append(claims: proof)
        let start = output.count
        output.append(proofHeader)
        sign(from: start, &output)
    }

    /// Appends the claims, and the signature of everything from `start` on.
    private func sign(from start: Int, _ output: inout ByteBuffer) {
        claims.withBytes { Base64URL.encode($0, into: &output) }
        signature.removeAll()
        key.sign(output.bytes.extracting(start..<output.count), into: &signature)
        output.append(".")
        signature.withBytes { Base64URL.encode($0, into: &output) }
    }
}

extension ByteBuffer {
    /// Appends the protected header of a JWS of this type in base64url, and the dot after it.
    fileprivate mutating func append(headerOf type: StaticString, _ key: Ed25519PrivateKey) {
        append(jwsHeader: {
            $0.appendMember("alg", "\(ReceiptSigner.algorithm)")
            $0.appendMember("kid", key.publicKey.keyID)
            $0.appendMember("typ", "\(type)")
        })
    }
}
