import Foundation
import Shared
import TestSupport
import Testing

@Suite struct `The keys of receipts` {
    private static let pem = ReceiptForge.pem
    private static let foreign = """
        -----BEGIN PRIVATE KEY-----
        MC4CAQAwBQYDK2VuBCIEINi2x5Nkeb9CNkgWpRFoQFT2cEeAPqNzLRAiU7Mb5l1/
        -----END PRIVATE KEY-----

        """

    private func problem(_ pem: String) -> String? {
        pem.withBytes { bytes in
            do throws(ReceiptKeys.Malformed) {
                _ = try ReceiptKeys(pem: bytes)
                return nil
            } catch {
                return error.message
            }
        }
    }

    private func published(_ pem: String) -> [String] { ReceiptForge.keys(pem).published.map(\.keyID) }

    @Test func `are the one that signs and then retired ones, private or public`() {
        let keys = (0..<3).map { _ in Ed25519PrivateKey() }
        let text = "Made in November.\n\(keys[0].pem)\n\nretired in October:\n\(keys[1].pem)\(keys[2].publicKey.pem)"
        #expect(published(text) == keys.map(\.publicKey.keyID))
        #expect(published(Self.pem) == [ReceiptForge.keyID])
        #expect(published(Self.pem.replacingOccurrences(of: "\n", with: "\r\n")) == [ReceiptForge.keyID])
    }

    @Test(arguments: [
        ("", "it has no keys"), ("nothing\n", "it has no keys"),
        (ReceiptForge.publicPEM, "block 1 is a public key; the key that signs comes first"),
        (foreign, "block 1 (PRIVATE KEY) is not an Ed25519 key in PKCS#8 or SubjectPublicKeyInfo form"),
        (pem + foreign, "block 2 (PRIVATE KEY) is not an Ed25519 key in PKCS#8 or SubjectPublicKeyInfo form"),
        (
            pem.replacingOccurrences(of: " PRIVATE", with: " EC PRIVATE"),
            "block 1 (EC PRIVATE KEY) is not an Ed25519 key in PKCS#8 or SubjectPublicKeyInfo form"
        ),
        (
            pem.replacingOccurrences(of: "MC4C", with: "MC4D"),
            "block 1 (PRIVATE KEY) is not an Ed25519 key in PKCS#8 or SubjectPublicKeyInfo form"
        ),
        (pem + ReceiptForge.publicPEM, "blocks 1 and 2 have the same key"),
        ("- mine -\n" + pem, "a block is incomplete, or a line outside a block begins with -"),
        (
            pem.replacingOccurrences(of: "END", with: "ENDE"),
            "a block is incomplete, or a line outside a block begins with -"
        ),
    ])
    func `are refused whole, with a sentence for the person who edits the file`(_ pem: String, _ message: String) {
        #expect(problem(pem) == message)
    }

    @Test func `that were half written are never accepted without the missing one`() {
        let whole = Array((Self.pem + Ed25519PrivateKey().publicKey.pem).utf8)
        let first = Self.pem.utf8.count
        for length in 0..<whole.count {
            let keys = try? ReceiptKeys(pem: whole.span.extracting(0..<length))
            // The first block alone, with or without its last line feed, is a valid file.
            if length == first - 1 || length == first { continue }
            // So is the whole text without its last line feed.
            #expect(keys == nil || length == whole.count - 1, "\(length) bytes")
        }
    }

    @Test func `rotate: a new one signs, and only the public half of the old ones stays`() {
        let before = ReceiptForge.keys(Self.pem)
        let old = ReceiptForge.sign(ReceiptForge.receipt, before)
        let once = before.rotatedPEM()
        let twice = ReceiptForge.keys(once).rotatedPEM()
        #expect(published(once).last == ReceiptForge.keyID)
        #expect(published(twice).suffix(2) == published(once)[...])
        #expect(Set(published(twice)).count == 3)
        #expect(twice.components(separatedBy: "BEGIN PRIVATE KEY").count == 2)
        let after = ReceiptForge.keys(twice)
        let new = ReceiptForge.sign(ReceiptForge.receipt, after)
        #expect(new != old)
        let verifier = try? ReceiptForge.jwks(after).withBytes { try ReceiptVerifier(jwks: $0) }
        for text in [old, new] {
            #expect(text.withBytes { try? verifier?.receipt($0) } == ReceiptForge.receipt)
        }
    }

    @Test func `are published as a set that anyone can read`() {
        #expect(
            ReceiptForge.jwks(ReceiptForge.keys(Self.pem))
                == #"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"\#(ReceiptForge.x)","kid":"\#(ReceiptForge.keyID)","#
                + #""use":"sig","alg":"EdDSA"}]}"#)
        #expect(ReceiptForge.jwks(nil) == #"{"keys":[]}"#)
    }
}
