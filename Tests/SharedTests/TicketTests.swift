import Shared
import TestSupport
import Testing

@Suite struct `A ticket` {
    private static let sale = SaleID("demo")!

    private func ticket(_ keys: KeySet, buyer: String = "b1", position: Int = 17, sale: SaleID = sale) -> String {
        var mint = TicketMint(keys: keys)
        var text = ByteBuffer()
        buyer.withBytes { mint.append(sale: sale, uuid: "u-1", epoch: 3, buyer: $0, position: position, to: &text) }
        return text.string
    }

    /// What purchase.lua receives for it.
    private func claim(
        _ ticket: String, _ verifier: TicketVerifier, buyer: String = "b1", sale: SaleID = sale
    ) -> String {
        var claim = ByteBuffer()
        ticket.withBytes { text in
            buyer.withBytes { verifier.append(claimOf: text, sale: sale, buyer: $0, to: &claim) }
        }
        return claim.string
    }

    @Test func `says its position, its epoch and its sale's uuid to purchase.lua`() {
        let keys = Forge.keys("k1")
        #expect(claim(ticket(keys), TicketVerifier(keys: keys)) == "17 3 u-1")
    }

    @Test func `is read as it was signed`() throws {
        let keys = Forge.keys("k1")
        let text = ticket(keys)
        #expect(
            try text.withBytes { try TicketVerifier(keys: keys).ticket($0) }
                == Ticket(sale: Self.sale, uuid: "u-1", epoch: 3, buyer: "b1", position: 17))
    }

    @Test(arguments: [#"a"b"#, #"a\b"#, #"\u0061"#, #"""#, #"\"#, String(repeating: #"\"#, count: 128)])
    func `belongs to a buyer whose name JSON has to escape`(_ buyer: String) throws {
        let keys = Forge.keys("k1")
        let text = ticket(keys, buyer: buyer)
        #expect(claim(text, TicketVerifier(keys: keys), buyer: buyer) == "17 3 u-1")
        #expect(claim(text, TicketVerifier(keys: keys), buyer: "a") == "other")
        #expect(try text.withBytes { try TicketVerifier(keys: keys).ticket($0) }.buyer == buyer)
    }

    @Test func `is of one sale and one buyer`() {
        let keys = Forge.keys("k1")
        let verifier = TicketVerifier(keys: keys)
        #expect(claim(ticket(keys), verifier, buyer: "b2") == "other")
        #expect(claim(ticket(keys), verifier, sale: SaleID("demo-2")!) == "foreign")
    }

    @Test func `with any one byte changed is forged`() {
        var random = SeededRandom()
        let keys = Forge.keys("k1")
        let verifier = TicketVerifier(keys: keys)
        let text = Array(ticket(keys).utf8)
        for index in text.indices {
            for _ in 0..<4 {
                var altered = text
                altered[index] = UInt8.random(in: 0x20...0x7E, using: &random)
                if altered[index] == text[index] { continue }
                let verdict = claim(String(decoding: altered, as: UTF8.self), verifier)
                #expect(verdict == "forged", "byte \(index) as \(altered[index]), seed \(random.seed)")
            }
        }
    }

    @Test(arguments: ["", ".", "..", "a.b.c", String(repeating: "a", count: 5000)])
    func `is not any other text`(_ text: String) {
        #expect(claim(text, TicketVerifier(keys: Forge.keys("k1"))) == "forged")
    }

    @Test func `is no token, and a token is no ticket`() {
        let keys = Forge.keys("k1")
        #expect(verdict(ticket(keys), TokenVerifier(keys: keys)) == .failure(.badSignature))
        var mint = TokenMint(keys: keys)
        let token = mint.token(subject: "b1", issuedAt: 0, expiresAt: 5000)
        #expect(claim(token, TicketVerifier(keys: keys)) == "forged")
        // Not even if its header and claims are a ticket's, because its key is another.
        let header = #"{"alg":"HS256","typ":"ticket+jwt","kid":"k1"}"#
        let claims = #"{"sale":"demo","uuid":"u-1","epoch":3,"sub":"b1","position":1,"exp":5000}"#
        #expect(claim(Forge.token(header: header, claims: claims), TicketVerifier(keys: keys)) == "forged")
        #expect(verdict(Forge.token(header: header, claims: claims), TokenVerifier(keys: keys)) == .success("b1"))
    }

    @Test(arguments: [
        #"{"alg":"HS256","typ":"JWT","kid":"k1"}"#, #"{"alg":"HS256","kid":"k1"}"#,
        #"{"alg":"none","typ":"ticket+jwt","kid":"k1"}"#, #"{"alg":"HS256","typ":"ticket+jwt","kid":"k2"}"#,
        #"{"alg":"HS256","typ":"ticket+jwt","typ":"ticket+jwt","kid":"k1"}"#,
    ])
    func `has its own type, algorithm and key, even if the signature fits`(_ header: String) {
        let keys = Forge.keys("k1")
        #expect(claim(signed(header, Self.claims), TicketVerifier(keys: keys)) == "forged")
    }

    private static let claims = #"{"sale":"demo","uuid":"u-1","epoch":3,"sub":"b1","position":1}"#
    private static let header = #"{"alg":"HS256","typ":"ticket+jwt","kid":"k1"}"#

    @Test(arguments: [
        #"{"uuid":"u-1","epoch":3,"sub":"b1","position":1}"#, #"{"sale":"demo","epoch":3,"sub":"b1","position":1}"#,
        #"{"sale":"demo","uuid":"u-1","sub":"b1","position":1}"#, #"{"sale":"demo","uuid":"u-1","epoch":3,"sub":"b1"}"#,
        #"{"sale":"demo","uuid":"u-1","epoch":3,"sub":"b1","position":0}"#,
        #"{"sale":"demo","uuid":"u-1","epoch":3,"sub":"b1","position":1000000000001}"#,
        #"{"sale":"demo","uuid":"u-1","epoch":3,"sub":"b1","position":1,"position":2}"#,
        #"{"sale":"demo","uuid":"u-1","epoch":3,"sub":"b1","position":1,"more":2}"#,
        #"{"sale":"demo","uuid":"u-1","epoch":3,"sub":"","position":1}"#, "[]", "",
    ])
    func `has its five claims, and no others`(_ claims: String) {
        let verifier = TicketVerifier(keys: Forge.keys("k1"))
        #expect(claim(signed(Self.header, Self.claims), verifier) == "1 3 u-1")
        #expect(claim(signed(Self.header, claims), verifier) == "forged")
    }

    @Test func `lives through a rotation of the keys for as long as its key is in the set`() {
        let text = ticket(Forge.keys("k1"))
        let rotated = #"""
            {"keys":[{"kty":"oct","kid":"k0","k":"\#(Forge.encode([UInt8](repeating: 7, count: 32)))"},
             {"kty":"oct","kid":"k1","k":"\#(Forge.encode(Forge.secret))"}]}
            """#
        let keys = rotated.withBytes { try! KeySet(json: $0) }
        #expect(claim(text, TicketVerifier(keys: keys)) == "17 3 u-1")
        #expect(claim(text, TicketVerifier(keys: Forge.keys("k2"))) == "forged")
    }

    /// Any header and claims, signed with the key for tickets.
    private func signed(_ header: String, _ claims: String) -> String {
        var text = ByteBuffer()
        text.append("\(Forge.encode(Array(header.utf8))).\(Forge.encode(Array(claims.utf8)))")
        var mac = ByteBuffer()
        Ticket.keys(from: Forge.keys("k1")).keys[0].hmac.authenticate(text.bytes, into: &mac)
        return "\(text.string).\(Forge.encode(mac.withUnsafeBytes { Array($0) }))"
    }
}
