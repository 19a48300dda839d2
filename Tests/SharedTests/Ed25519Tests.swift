import Shared
import TestSupport
import Testing

@Suite struct `An Ed25519 key` {
    @Test func `has the signature and the id of RFC 8037`() throws {
        // Appendix A.4.
        let message = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
        #expect(
            Forge.encode(ReceiptForge.signature(of: message))
                == "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg")
        let key = ReceiptForge.privateKey.publicKey
        #expect(Forge.encode(key.bytes) == ReceiptForge.x)
        #expect(key.keyID == ReceiptForge.keyID)
    }

    @Test func `finds its own signature valid, and no other`() throws {
        let key = ReceiptForge.privateKey.publicKey
        let signature = ReceiptForge.signature(of: "message")
        func isValid(_ signature: [UInt8], _ message: String, _ key: Ed25519PublicKey) -> Bool {
            message.withBytes { key.isValid(signature.span, for: $0) }
        }
        #expect(isValid(signature, "message", key))
        #expect(!isValid(signature, "massage", key))
        #expect(!isValid(signature, "message", Ed25519PrivateKey().publicKey))
        #expect(!isValid(Array(signature.dropLast()), "message", key))
        #expect(!isValid(signature + [0], "message", key))
        #expect(!isValid([], "message", key))
        for index in signature.indices {
            var altered = signature
            altered[index] ^= 1
            #expect(!isValid(altered, "message", key), "byte \(index)")
        }
        #expect(isValid(signature, "message", key), "a refusal leaves nothing behind")
    }

    @Test func `has 32 bytes`() {
        #expect(Ed25519PublicKey([UInt8](repeating: 1, count: 31)) == nil)
        #expect(Ed25519PublicKey([UInt8](repeating: 1, count: 33)) == nil)
        #expect(Ed25519PublicKey([]) == nil)
    }

    @Test func `is read back from its PEM text`() throws {
        let key = Ed25519PrivateKey()
        let text = key.pem + key.publicKey.pem
        let blocks = try text.withBytes { try Ed25519PEM.blocks($0) }
        guard case .privateKey(let first) = blocks.first, case .publicKey(let second) = blocks.last else {
            Issue.record("not two keys: \(text)")
            return
        }
        #expect(blocks.count == 2)
        #expect(first.publicKey.bytes == key.publicKey.bytes)
        #expect(second.bytes == key.publicKey.bytes)
        #expect(ReceiptForge.privateKey.pem == ReceiptForge.pem)
        #expect(ReceiptForge.privateKey.publicKey.pem == ReceiptForge.publicPEM)
    }

    @Test func `is different each time`() {
        #expect(Set((0..<20).map { _ in Ed25519PrivateKey().publicKey.keyID }).count == 20)
    }
}
