/// Authenticates buyers: verifies a JWT (RFC 7519) signed with one of our keys (`MACVerifier`), and returns its
/// subject. Nothing is allocated per token, unless its issuer escapes characters of the claims that are read.
package final class TokenVerifier {
    /// Seconds by which an issuer's clock may differ from ours, either way.
    package static let clockSkewSeconds = 30

    private let verifier: MACVerifier
    private let audience: String?
    private let issuer: String?

    package init(keys: KeySet, audience: String? = nil, issuer: String? = nil) {
        verifier = MACVerifier(keys: keys)
        self.audience = audience
        self.issuer = issuer
    }

    /// Verifies `token` and calls `body` with its subject, which is valid only inside.
    package func withSubject<R>(
        of token: Span<UInt8>, nowSeconds: Int, _ body: (Span<UInt8>) -> R
    ) throws(JWTRefusal) -> R {
        try verifier.withClaims(of: token) { (claims) throws(JWTRefusal) -> R in
            let subject = try checkedSubject(in: claims, nowSeconds: nowSeconds)
            return try subject.withValue(in: claims) { (name) throws(JWTRefusal) -> R in
                guard BuyerName.isAccepted(name) else { throw .badSubject }
                return body(name)
            }
        }
    }

    /// Checks every other claim, and returns `sub`.
    private func checkedSubject(in json: Span<UInt8>, nowSeconds: Int) throws(JWTRefusal) -> JSONReader.Text {
        var subject: JSONReader.Text?
        var expires: Int?
        var notBefore: Int?
        // nil: the claim has not occurred yet.
        var audienceMatches: Bool?
        var issuerMatches: Bool?
        do throws(JSONReader.Failure) {
            var reader = JSONReader(json)
            try reader.beginObject()
            while let member = try reader.member() {
                let name = json.extracting(member.range)
                if name.equals("sub") {
                    // If a claim occurred twice, it would depend on the reader which one counts (RFC 8725 section 2.4).
                    guard subject == nil else { throw .malformed }
                    subject = try reader.string()
                } else if name.equals("exp") {
                    guard expires == nil else { throw .malformed }
                    expires = try reader.numericDate()
                } else if name.equals("nbf") {
                    guard notBefore == nil else { throw .malformed }
                    notBefore = try reader.numericDate()
                } else if let audience, name.equals("aud") {
                    guard audienceMatches == nil else { throw .malformed }
                    var matches = false
                    let kind = try reader.peek()
                    if kind == .array {
                        try reader.beginArray()
                        while try reader.element() {
                            let element = try reader.string()
                            if element.equals(audience, in: json) { matches = true }
                        }
                    } else {
                        let value = try reader.string()
                        matches = value.equals(audience, in: json)
                    }
                    audienceMatches = matches
                } else if let issuer, name.equals("iss") {
                    guard issuerMatches == nil else { throw .malformed }
                    let value = try reader.string()
                    issuerMatches = value.equals(issuer, in: json)
                } else {
                    if member.escaped, member.spells(oneOf: ["sub", "exp", "nbf", "aud", "iss"], in: json) {
                        throw .malformed
                    }
                    try reader.skip()
                }
            }
            try reader.end()
        } catch {
            throw .malformed
        }
        guard let expires else { throw .malformed }
        guard nowSeconds < expires + Self.clockSkewSeconds else { throw .expired }
        if let notBefore, nowSeconds < notBefore - Self.clockSkewSeconds { throw .notYetValid }
        if audience != nil, audienceMatches != true { throw .wrongAudience }
        if issuer != nil, issuerMatches != true { throw .wrongIssuer }
        guard let subject else { throw .badSubject }
        return subject
    }
}
