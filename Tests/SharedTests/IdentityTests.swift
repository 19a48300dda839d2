import Shared
import TestSupport
import Testing

@Suite struct `A trace id` {
    private static let valid = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    private func text(_ traceparent: String) -> String? {
        guard let trace = traceparent.withBytes({ TraceID(traceparent: $0) }) else { return nil }
        var text = ByteBuffer()
        text.append(trace)
        return text.string
    }

    @Test(arguments: [
        valid, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
        "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-extra",
        "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ])
    func `is taken from a valid traceparent`(_ traceparent: String) {
        #expect(text(traceparent) == "0af7651916cd43dd8448eb211c80319c")
    }

    @Test(arguments: [
        "", "00", "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-extra",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0g",
        "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01extra",
        "0g-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ])
    func `is not taken from anything else`(_ traceparent: String) { #expect(text(traceparent) == nil) }

    @Test func `that we make is never one that we made before`() {
        var generator = TraceIDGenerator()
        var seen: Set<String> = []
        for _ in 0..<10_000 {
            var text = ByteBuffer()
            text.append(generator.next())
            seen.insert(text.string)
        }
        #expect(seen.count == 10_000)
        #expect(seen.allSatisfy { $0.utf8.count == 32 && $0 != String(repeating: "0", count: 32) })
    }
}

@Suite struct `An idempotency key` {
    @Test(arguments: ["a", "A-z_09", "-", String(repeating: "k", count: 64), "3f2b8c1e-5d1f-4f6e-9c58-0a1b2c3d4e5f"])
    func `is 1 to 64 letters, digits, hyphens or underscores`(_ key: String) { #expect(IdempotencyKey.isValid(key)) }

    @Test(arguments: [
        "", " ", "a b", "\"a\"", "a,b", "a;b", "ä", "a.b", "a/b", "[", "@", String(repeating: "k", count: 65),
    ])
    func `is nothing else`(_ key: String) { #expect(!IdempotencyKey.isValid(key)) }
}

@Suite struct `Hashes and MACs` {
    @Test func `match the standards`() {
        #expect("abc".withBytes { Crypto.sha1Hex($0) } == "a9993e364706816aba3e25717850c26c9cd0d89d")
        #expect(
            "abc".withBytes { Crypto.sha256Hex($0) }
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }

    /// Test cases 1, 2, 6 and 7 of RFC 4231, and two at the edges of a block, from Python's hmac.
    @Test(arguments: [
        (
            [UInt8](repeating: 0x0B, count: 20), "Hi There",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        ),
        (
            Array("Jefe".utf8), "what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        ),
        (
            [UInt8](repeating: 0xAA, count: 131), "Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        ),
        (
            [UInt8](repeating: 0xAA, count: 131),
            "This is a test using a larger than block-size key and a larger than block-size data. "
                + "The key needs to be hashed before being used by the HMAC algorithm.",
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"
        ),
        ([UInt8](repeating: 0x6B, count: 64), "", "83026a325aaee70e36cfe607536aa1054104ad1077c36134810d4ccded1ccd3b"),
        (
            [UInt8](repeating: 0x6B, count: 65), String(repeating: "m", count: 64),
            "8b059b2d9407087766cb94a6a0bd72fcabcabf26190712bd17e1e24221b2b14a"
        ),
    ])
    func `a MAC matches the standard, each time`(_ key: [UInt8], _ message: String, _ expected: String) {
        let hmac = HMACSHA256(key: key)
        for _ in 0..<2 {
            var mac = ByteBuffer()
            message.withBytes { hmac.authenticate($0, into: &mac) }
            #expect(mac.bytes.hex == expected)
            #expect(message.withBytes { hmac.isValid(mac.bytes, for: $0) })
        }
    }

    @Test func `a UUID is of version 4`() {
        for _ in 0..<100 {
            let uuid = Array(Crypto.uuid())
            #expect(uuid.count == 36)
            #expect(uuid[14] == "4")
            #expect("89ab".contains(uuid[19]))
        }
    }
}
