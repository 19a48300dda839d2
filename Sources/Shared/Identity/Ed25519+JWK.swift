/// Ed25519 keys as JSON Web Keys (RFC 8037).
extension Ed25519PublicKey {
    /// The key's id: its RFC 7638 thumbprint, so that anyone who has the key can check that the id belongs to it.
    package var keyID: String {
        // Only the required members, ordered by name, without white space (RFC 7638 section 3.2).
        let canonical = #"{"crv":"Ed25519","kty":"OKP","x":"\#(base64URL)"}"#
        var hash = ByteBuffer(capacity: 64)
        canonical.withBytes { Crypto.appendSHA256($0, to: &hash) }
        return Base64URL.text(hash.bytes)
    }

    /// The key's bytes as the member `x` holds them.
    fileprivate var base64URL: String {
        let bytes = bytes
        return Base64URL.text(bytes.span)
    }
}

extension ByteBuffer {
    /// Appends the members of a public key's JWK.
    package mutating func append(jwk key: Ed25519PublicKey) {
        appendMember("kty", "OKP")
        appendMember("crv", "Ed25519")
        appendMember("x", key.base64URL)
        appendMember("kid", key.keyID)
        appendMember("use", "sig")
        appendMember("alg", "EdDSA")
    }
}
