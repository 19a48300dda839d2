import Shared
import TestSupport
import Testing

@Suite struct `A buyer's pseudonym` {
    private static let key = (0..<32).map { "0" + String($0, radix: 16) }.map { $0.suffix(2) }.joined()

    @Test func `is the first half of the HMAC of its bytes`() throws {
        // hmac.new(bytes(range(32)), b"buyer-1", "sha256") in Python
        let pseudonym = try #require(Pseudonym(key: Self.key))
        for _ in 0..<2 { #expect(pseudonym.of("buyer-1") == "2ca03d75bb69a3f9ddc768da1807a7ee") }
        #expect(Pseudonym(key: Self.key.uppercased())?.of("buyer-1") == "2ca03d75bb69a3f9ddc768da1807a7ee")
    }

    @Test func `is another one for every buyer and for every sale`() throws {
        let sales = try (0..<10).map { _ in try #require(Pseudonym(key: Crypto.randomHex(32))) }
        let names = sales.flatMap { sale in (0..<100).map { sale.of("buyer-\($0)") } }
        #expect(Set(names).count == 1000)
        #expect(names.allSatisfy { $0.utf8.count == 32 })
    }

    @Test(arguments: [
        "", "ab", String(repeating: "0", count: 63), String(repeating: "0", count: 66),
        String(repeating: "g", count: 64),
        String(repeating: "ä", count: 32), " " + String(repeating: "0", count: 63),
    ])
    func `needs a key of 32 bytes in hexadecimal`(_ key: String) { #expect(Pseudonym(key: key) == nil) }
}
