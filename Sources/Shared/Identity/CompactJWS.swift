/// Where the three parts of a JWS in compact form (RFC 7515 section 3.1) are in its text; each is in base64url.
struct CompactJWS {
    let header: Range<Int>
    let payload: Range<Int>
    let signature: Range<Int>

    /// What the signature is over: the header, its dot and the payload.
    var signed: Range<Int> { 0..<payload.upperBound }

    /// nil if `text` doesn't have exactly two dots.
    init?(_ text: Span<UInt8>) {
        let dot = UInt8(ascii: ".")
        guard let first = text.firstIndex(of: dot), let second = text.firstIndex(of: dot, from: first + 1),
            text.firstIndex(of: dot, from: second + 1) == nil
        else { return nil }
        header = 0..<first
        payload = first + 1..<second
        signature = second + 1..<text.count
    }
}

extension ByteBuffer {
    /// Appends a JWS header in base64url and the dot after it; `members` appends the header's members.
    mutating func append(jwsHeader members: (inout ByteBuffer) -> Void) {
        var json = ByteBuffer(capacity: 128)
        json.appendObject(members)
        Base64URL.encode(json.bytes, into: &self)
        append(".")
    }
}
