/// Verifies receipts with the public keys from /.well-known/jwks.json.
package struct ReceiptVerifier {
    /// Why a key set can't be used, in a sentence.
    package struct Malformed: Error, Equatable {
        package let message: String
    }

    private let keys: [String: Ed25519PublicKey]

    /// Reads a JSON Web Key Set. Keys of other kinds are ignored (RFC 7517 section 5).
    package init(jwks json: Span<UInt8>) throws(Malformed) {
        guard let entries = try? JSONWebKeys.entries(json) else {
            throw Malformed(message: "it is not a complete JSON key set")
        }
        var keys: [String: Ed25519PublicKey] = [:]
        for (index, entry) in entries.enumerated() where entry["kty"] == "OKP" && entry["crv"] == "Ed25519" {
            guard let id = entry["kid"], let bytes = entry["x"]?.withBytes({ Base64URL.decode($0) }),
                let key = Ed25519PublicKey(bytes)
            else { throw Malformed(message: "key \(index + 1) lacks a kid, or an x of 32 bytes in base64url") }
            guard keys.updateValue(key, forKey: id) == nil else { throw Malformed(message: "kid \(id) occurs twice") }
        }
        self.keys = keys
    }

    /// Verifies the signature of a receipt and returns what it says.
    package func receipt(_ text: Span<UInt8>) throws(Receipt.Refusal) -> Receipt {
        let compact = try CompactReceipt(text)
        guard let key = keys[compact.keyID] else { throw .unknownKey }
        guard key.isValid(compact.signature.span, for: text.extracting(compact.signed)) else {
            throw .badSignature
        }
        return compact.receipt
    }
}
