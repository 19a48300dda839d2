import Shared

/// Signs whatever a test wants, including what TokenMint never would.
enum Forge {
    static let secret = [UInt8](repeating: 0x5A, count: 32)

    /// A set with a key for each of `ids`, each with another secret; the first has `secret`.
    static func keys(_ ids: String...) -> KeySet {
        let entries = ids.enumerated().map { index, id in
            let bytes = secret.map { $0 &+ UInt8(index) }
            return #"{"kty":"oct","kid":"\#(id)","k":"\#(encode(bytes))"}"#
        }
        let json = #"{"keys":[\#(entries.joined(separator: ","))]}"#
        return json.withBytes { try! KeySet(json: $0) }
    }

    /// A token with exactly this header and these claims, signed with `secret`.
    static func token(header: String = #"{"alg":"HS256","kid":"k1"}"#, claims: String) -> String {
        var signed = ByteBuffer()
        signed.append("\(encode(Array(header.utf8))).\(encode(Array(claims.utf8)))")
        var mac = ByteBuffer()
        HMACSHA256(key: secret).authenticate(signed.bytes, into: &mac)
        return "\(signed.string).\(encode(mac.withUnsafeBytes { Array($0) }))"
    }

    static func encode(_ bytes: [UInt8]) -> String {
        var text = ByteBuffer()
        Base64URL.encode(bytes.span, into: &text)
        return text.string
    }
}

/// A verifier's verdict on a token: its subject, or why it is refused.
func verdict(
    _ token: String, _ verifier: TokenVerifier = TokenVerifier(keys: Forge.keys("k1")), now: Int = 1000
) -> Result<String, JWTRefusal> {
    do throws(JWTRefusal) {
        let token = Array(token.utf8)
        return .success(try verifier.withSubject(of: token.span, nowSeconds: now) { $0.string })
    } catch {
        return .failure(error)
    }
}
