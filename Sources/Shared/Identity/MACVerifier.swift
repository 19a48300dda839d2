/// Verifies JWTs (RFC 7519) signed with HS256, and no other algorithm, under one of our keys: what the verifiers of
/// tokens and of tickets share.
///
/// The verifier chooses the algorithm, not the text (RFC 8725 section 3.1). Nothing is allocated per text.
final class MACVerifier {
    private let keys: KeySet
    /// The `typ` that a header must have; nil: any or none.
    private let type: String?
    private var header = ByteBuffer(capacity: 256)
    private var claims = ByteBuffer(capacity: 1024)
    private var signature = ByteBuffer(capacity: 64)
    /// The last valid header and the key that it named: an issuer uses the same header for as long as it uses the same
    /// key.
    private var knownHeader = ByteBuffer(capacity: 256)
    private var knownKey: Int?

    init(keys: KeySet, type: String? = nil) {
        self.keys = keys
        self.type = type
    }

    /// Verifies `text` and calls `body` with its decoded claims, which are valid only inside.
    func withClaims<R>(
        of text: Span<UInt8>, _ body: (Span<UInt8>) throws(JWTRefusal) -> R
    ) throws(JWTRefusal) -> R {
        guard text.count <= Limits.tokenBytesMax, let parts = CompactJWS(text) else { throw .malformed }

        let hmac = try hmac(for: text.extracting(parts.header))
        signature.removeAll()
        guard Base64URL.decode(text.extracting(parts.signature), into: &signature) else { throw .malformed }
        guard hmac.isValid(signature.bytes, for: text.extracting(parts.signed)) else { throw .badSignature }

        claims.removeAll()
        guard Base64URL.decode(text.extracting(parts.payload), into: &claims) else { throw .malformed }
        return try claims.withBytes(body)
    }

    private func hmac(for headerText: Span<UInt8>) throws(JWTRefusal) -> HMACSHA256 {
        if let knownKey, knownHeader.bytes.equals(headerText) { return keys.keys[knownKey].hmac }
        header.removeAll()
        guard Base64URL.decode(headerText, into: &header) else { throw .malformed }
        let found = try header.withBytes { (header) throws(JWTRefusal) -> Int in try keyIndex(in: header) }
        knownHeader.removeAll()
        knownHeader.append(headerText)
        knownKey = found
        return keys.keys[found].hmac
    }

    /// The key that the decoded header names.
    private func keyIndex(in json: Span<UInt8>) throws(JWTRefusal) -> Int {
        var algorithm: JSONReader.Text?
        var keyID: JSONReader.Text?
        var critical = false
        // If no type is required, the header's is ignored.
        var typeMatches = type == nil
        do throws(JSONReader.Failure) {
            var reader = JSONReader(json)
            try reader.beginObject()
            while let member = try reader.member() {
                let name = json.extracting(member.range)
                if name.equals("alg") {
                    guard algorithm == nil else { throw .malformed }
                    algorithm = try reader.string()
                } else if name.equals("kid") {
                    guard keyID == nil else { throw .malformed }
                    keyID = try reader.string()
                } else if let type, name.equals("typ") {
                    guard !typeMatches else { throw .malformed }
                    let value = try reader.string()
                    typeMatches = type.withBytes { $0.equals(json.extracting(value.range)) }
                } else {
                    if member.escaped, member.spells(oneOf: ["alg", "kid", "typ", "crit"], in: json) {
                        throw .malformed
                    }
                    critical = critical || name.equals("crit")
                    try reader.skip()
                }
            }
            try reader.end()
        } catch {
            throw .malformed
        }
        guard typeMatches, !critical, let algorithm, json.extracting(algorithm.range).equals("HS256"), let keyID
        else {
            throw .unknownKey
        }
        for index in keys.keys.indices where keyID.equals(keys.keys[index].id, in: json) { return index }
        throw .unknownKey
    }
}
