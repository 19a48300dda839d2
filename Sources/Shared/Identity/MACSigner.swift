/// Signs JWTs with HS256: what the mints of tokens and of tickets share. Nothing is allocated per text.
struct MACSigner: ~Copyable {
    private let hmac: HMACSHA256
    /// The header in base64url and its dot.
    private var header = ByteBuffer(capacity: 160)
    private var mac = ByteBuffer(capacity: HMACSHA256.size)

    /// - Parameter type: the header's `typ`.
    init(key: KeySet.Key, type: StaticString) {
        hmac = key.hmac
        header.append(jwsHeader: {
            $0.appendMember("alg", "HS256")
            $0.appendMember("typ", "\(type)")
            $0.appendMember("kid", key.id)
        })
    }

    /// Appends a JWT with these claims.
    mutating func append(_ claims: borrowing ByteBuffer, to output: inout ByteBuffer) {
        let start = output.count
        output.append(header)
        Base64URL.encode(claims.bytes, into: &output)
        mac.removeAll()
        hmac.authenticate(output.bytes.extracting(start..<output.count), into: &mac)
        output.append(".")
        Base64URL.encode(mac.bytes, into: &output)
    }
}
