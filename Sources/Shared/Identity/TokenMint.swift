/// Issues the tokens that `TokenVerifier` accepts: for salectl, the load client and tests. The shop has its own.
package struct TokenMint: ~Copyable {
    private let key: KeySet.Key
    private let audience: String?
    private let issuer: String?
    private var header = ByteBuffer(capacity: 128)
    private var claims = ByteBuffer(capacity: 512)
    private var mac = ByteBuffer(capacity: 32)

    /// A mint that signs with the set's first key.
    package init(keys: KeySet, audience: String? = nil, issuer: String? = nil) {
        key = keys.keys[0]
        self.audience = audience
        self.issuer = issuer
        var json = ByteBuffer()
        json.append(UInt8(ascii: "{"))
        json.appendMember("alg", "HS256")
        json.appendMember("typ", "JWT")
        json.appendMember("kid", key.id)
        json.append(UInt8(ascii: "}"))
        Base64URL.encode(json.bytes, into: &header)
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

        let start = output.count
        output.append(header)
        output.append(UInt8(ascii: "."))
        Base64URL.encode(claims.bytes, into: &output)
        mac.removeAll()
        key.hmac.authenticate(output.bytes.extracting(start..<output.count), into: &mac)
        output.append(UInt8(ascii: "."))
        Base64URL.encode(mac.bytes, into: &output)
    }

    /// A token for `subject`.
    package mutating func token(subject: String, issuedAt: Int, expiresAt: Int) -> String {
        var text = ByteBuffer(capacity: 256)
        subject.withBytes { append(subject: $0, issuedAt: issuedAt, expiresAt: expiresAt, to: &text) }
        return text.string
    }
}
