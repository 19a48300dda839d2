import Foundation
import Shared
import TestSupport
import Testing

@Suite struct `A receipt` {
    private static var verifier: ReceiptVerifier { verifier(ReceiptForge.jwks(ReceiptForge.keys(ReceiptForge.pem))) }
    private static let text = ReceiptForge.sign(ReceiptForge.receipt, ReceiptForge.keys(ReceiptForge.pem))

    private static func verifier(_ jwks: String) -> ReceiptVerifier {
        try! jwks.withBytes { try ReceiptVerifier(jwks: $0) }
    }

    private func verdict(
        _ text: String, _ verifier: ReceiptVerifier = verifier
    ) -> Result<Receipt, Receipt.Refusal> {
        text.withBytes { bytes in
            do throws(Receipt.Refusal) {
                return .success(try verifier.receipt(bytes))
            } catch {
                return .failure(error)
            }
        }
    }

    @Test func `says these members in this order, under a header of its own type`() {
        #expect(Self.text == ReceiptForge.text(header: ReceiptForge.header, claims: ReceiptForge.claims))
    }

    @Test func `is the same text whenever it is signed with the same key`() {
        for _ in 0..<3 {
            let keys = ReceiptForge.keys(ReceiptForge.pem)
            for _ in 0..<3 { #expect(ReceiptForge.sign(ReceiptForge.receipt, keys) == Self.text) }
        }
    }

    @Test func `is read back, verified or not`() throws {
        #expect(verdict(Self.text) == .success(ReceiptForge.receipt))
        #expect(try Self.text.withBytes { try Receipt(parsing: $0) } == ReceiptForge.receipt)
        let unsigned = Self.text.split(separator: ".").dropLast().joined(separator: ".") + "."
        #expect(try unsigned.withBytes { try Receipt(parsing: $0) } == ReceiptForge.receipt)
        #expect(verdict(unsigned) == .failure(.badSignature))
    }

    @Test func `with any one byte changed is refused`() {
        var random = SeededRandom()
        let verifier = Self.verifier
        let bytes = Array(Self.text.utf8)
        for index in bytes.indices {
            for _ in 0..<4 {
                var altered = bytes
                altered[index] = UInt8.random(in: 0...255, using: &random)
                if altered[index] == bytes[index] { continue }
                #expect((try? verifier.receipt(altered.span)) == nil, "byte \(index), seed \(random.seed)")
            }
        }
    }

    @Test func `that says something else than what was signed does not count`() {
        let parts = Self.text.split(separator: ".")
        let claims = ReceiptForge.claims.replacingOccurrences(of: #""quantity":3"#, with: #""quantity":4"#)
        #expect(verdict("\(parts[0]).\(Forge.encode(Array(claims.utf8))).\(parts[2])") == .failure(.badSignature))
    }

    @Test(
        arguments: [
            ("", .malformed), ("..", .malformed), ("a.b", .malformed), (text + ".", .malformed),
            (text + "..", .malformed),
            ("." + text, .malformed), (text + "=", .malformed), (text + " ", .malformed), (" " + text, .malformed),
            (text + String(repeating: "A", count: 2048), .malformed),
        ] as [(String, Receipt.Refusal)])
    func `has three parts of base64url and not a byte more`(_ text: String, _ refusal: Receipt.Refusal) {
        #expect(verdict(text) == .failure(refusal))
    }

    @Test(
        arguments: [
            (#""alg":"none""#, .wrongAlgorithm), (#""alg":"HS256""#, .wrongAlgorithm),
            (#""alg":"eddsa""#, .wrongAlgorithm),
            (#""alg":1"#, .wrongAlgorithm), (#""x":"EdDSA""#, .wrongAlgorithm),
            (#""alg":"EdDSA","alg":"EdDSA""#, .malformed), (#""alg":"EdDSA","crit":["exp"]"#, .malformed),
        ] as [(String, Receipt.Refusal)])
    func `must be signed with EdDSA, even if another signature fits its header`(
        _ algorithm: String, _ refusal: Receipt.Refusal
    ) {
        let header = ReceiptForge.header.replacingOccurrences(of: #""alg":"EdDSA""#, with: algorithm)
        #expect(verdict(ReceiptForge.text(header: header)) == .failure(refusal))
    }

    @Test(arguments: ["JWT", "receipt", "application/receipt+jwt", "RECEIPT+JWT", ""])
    func `is no other kind of JWT`(_ type: String) {
        let header = ReceiptForge.header.replacingOccurrences(of: "receipt+jwt", with: type)
        #expect(verdict(ReceiptForge.text(header: header)) == .failure(.wrongType))
    }

    @Test func `names a key of the set, and is signed with that one`() {
        let other = Ed25519PrivateKey()
        let header = ReceiptForge.header.replacingOccurrences(of: ReceiptForge.keyID, with: other.publicKey.keyID)
        #expect(verdict(ReceiptForge.text(header: header)) == .failure(.unknownKey))
        let both = Self.verifier(ReceiptForge.jwks(ReceiptForge.keys(ReceiptForge.pem + other.pem)))
        #expect(verdict(ReceiptForge.text(header: header), both) == .failure(.badSignature))
        #expect(verdict(Self.text, both) == .success(ReceiptForge.receipt))
        #expect(verdict(Self.text, Self.verifier(#"{"keys":[]}"#)) == .failure(.unknownKey))
        let nameless = #"{"alg":"EdDSA","typ":"receipt+jwt"}"#
        #expect(verdict(ReceiptForge.text(header: nameless)) == .failure(.malformed))
    }

    @Test(arguments: [
        (#""sale":"demo","#, ""), (#""sale":"demo""#, #""sale":"other""#), (#""sale":"demo""#, #""sale":"d\u0065mo""#),
        (#""epoch":2"#, #""epoch":0"#), (#""epoch":2"#, #""epoch":"2""#), (#""epoch":2"#, #""epoch":2.0"#),
        (#""order":"demo-17""#, #""order":"demo-18""#), (#""position":17"#, #""position":18"#),
        (#""quantity":3"#, #""quantity":0"#), (#""quantity":3"#, #""quantity":100"#),
        (#""quantity":3"#, #""quantity":3,"quantity":3"#), ("00112233", "0011223"), ("aabb", "AABB"),
        (#".123Z""#, #"""#), (#".123Z"}"#, #".123Z""#), (#".123Z"}"#, #".123Z"}{}"#),
    ])
    func `that makes no sense is refused, even if it is signed`(_ original: String, _ damaged: String) {
        #expect(ReceiptForge.claims.contains(original))
        let claims = ReceiptForge.claims.replacingOccurrences(of: original, with: damaged)
        #expect(verdict(ReceiptForge.text(claims: claims)) == .failure(.malformed))
    }

    @Test func `may say more in a later release`() {
        let claims = ReceiptForge.claims.dropLast() + #","iat":1.5e9,"more":{"x":[1]},"name":"\n"}"#
        #expect(verdict(ReceiptForge.text(claims: String(claims))) == .success(ReceiptForge.receipt))
    }

    @Test(arguments: [
        ("", "it is not a complete JSON key set"), ("[]", "it is not a complete JSON key set"),
        (
            #"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AAAA","kid":"a"}]}"#,
            "key 1 lacks a kid, or an x of 32 bytes in base64url"
        ),
        (
            #"{"keys":[{"kty":"RSA"},{"kty":"OKP","crv":"Ed25519","x":"\#(ReceiptForge.x)"}]}"#,
            "key 2 lacks a kid, or an x of 32 bytes in base64url"
        ),
        (
            #"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"\#(ReceiptForge.x)","kid":"a"},"#
                + #"{"kty":"OKP","crv":"Ed25519","x":"\#(ReceiptForge.x)","kid":"a"}]}"#,
            "kid a occurs twice"
        ),
    ])
    func `can't be verified by a set that is not whole`(_ jwks: String, _ message: String) {
        jwks.withBytes { bytes in
            do throws(ReceiptVerifier.Malformed) {
                _ = try ReceiptVerifier(jwks: bytes)
                Issue.record("it was taken")
            } catch {
                #expect(error.message == message)
            }
        }
    }

    @Test func `is verified by a set that has keys of other kinds as well`() {
        let own = #"{"kty":"OKP","crv":"Ed25519","x":"\#(ReceiptForge.x)","kid":"\#(ReceiptForge.keyID)"}"#
        let jwks = #"{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"},{"kty":"OKP","crv":"X25519","x":"AAAA"},\#(own)]}"#
        #expect(verdict(Self.text, Self.verifier(jwks)) == .success(ReceiptForge.receipt))
    }
}
