/// Issues tokens that `TokenVerifier` accepts, for salectl, the load client and tests. In production the shop issues
/// them.
package struct TokenMint: ~Copyable {
    private var signer: MACSigner
    private let audience: String?
    private let issuer: String?
    private var claims = ByteBuffer(capacity: 512)

    /// Makes a mint that signs with the set's first key.
    package init(keys: KeySet, audience: String? = nil, issuer: String? = nil) {
        signer = MACSigner(key: keys.keys[0], type: "JWT")
        self.audience = audience
        self.issuer = issuer
    }

    /// Appends a token for `subject`, valid from `issuedAt` until `expiresAt` (seconds since 1970).
    package mutating func append(
        subject: Span<UInt8>, issuedAt: Int, expiresAt: Int, to output: inout ByteBuffer
    ) {
        claims.removeAll()
        claims.append("{\"sub\":")
        claims.append(json: subject)
        claims.appendMember("iat", issuedAt)
        claims.appendMember("exp", expiresAt)
        if let audience { claims.appendMember("aud", audience) }
        if let issuer { claims.appendMember("iss", issuer) }
        claims.append(UInt8(ascii: "}"))
        signer.append(claims, to: &output)
    }

    /// A token for `subject`.
    package mutating func token(subject: String, issuedAt: Int, expiresAt: Int) -> String {
        var text = ByteBuffer(capacity: 256)
        subject.withBytes { append(subject: $0, issuedAt: issuedAt, expiresAt: expiresAt, to: &text) }
        return text.string
    }
}
