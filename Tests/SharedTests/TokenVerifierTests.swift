import Shared
import TestSupport
import Testing

@Suite struct `Verifying a token` {
    @Test func `what the mint issues is accepted`() {
        var mint = TokenMint(keys: Forge.keys("k1"), audience: "shop", issuer: "login")
        let token = mint.token(subject: "buyer-1", issuedAt: 900, expiresAt: 1100)
        let verifier = TokenVerifier(keys: Forge.keys("k1"), audience: "shop", issuer: "login")
        #expect(verdict(token, verifier) == .success("buyer-1"))
        #expect(token.utf8.count <= 256)
    }

    @Test(arguments: [
        #"{"alg":"none","kid":"k1"}"#, #"{"alg":"None","kid":"k1"}"#, #"{"alg":"","kid":"k1"}"#, #"{"kid":"k1"}"#,
        #"{"alg":"RS256","kid":"k1"}"#, #"{"alg":"HS512","kid":"k1"}"#, #"{"alg":"hs256","kid":"k1"}"#,
        #"{"alg":"HS256"}"#, #"{"alg":"HS256","kid":"k2"}"#, #"{"alg":"HS256","kid":""}"#,
        #"{"alg":"HS256","kid":"K1"}"#,
        #"{"alg":"HS256","kid":"k1","crit":["exp"]}"#, #"{"alg":"HS256","kid":"\u006b2"}"#,
        #"{"alg":"HS256","jwk":{"kty":"oct","k":"AAAA"}}"#,
    ])
    func `the algorithm and the key are ours to choose, even where the signature fits`(_ header: String) {
        let token = Forge.token(header: header, claims: #"{"sub":"b","exp":2000}"#)
        #expect(verdict(token) == .failure(.unknownKey))
    }

    @Test(arguments: [
        #"{"alg":"HS256","alg":"HS256","kid":"k1"}"#, #"{"alg":"HS256","kid":"k1","kid":"k1"}"#,
        #"{"alg":"HS256","kid":"k1","\u006bid":"k2"}"#, #"{"alg":"HS256","kid":"k1","cr\u0069t":["exp"]}"#,
        #"{"alg":1,"kid":"k1"}"#,
        #"{"alg":"HS256","kid":"k1""#, "[]", "", #"{"alg":"HS256","kid":"k1"}x"#,
    ])
    func `a header that is not one plain object is malformed`(_ header: String) {
        #expect(verdict(Forge.token(header: header, claims: #"{"sub":"b","exp":2000}"#)) == .failure(.malformed))
    }

    @Test func `a key's name counts as JSON reads it`() {
        let token = Forge.token(header: #"{"alg":"HS256","kid":"team\/\u006b1"}"#, claims: #"{"sub":"b","exp":2000}"#)
        #expect(verdict(token, TokenVerifier(keys: Forge.keys("team/k1"))) == .success("b"))
    }

    @Test func `a token without its signature, or with an empty one, does not count`() {
        let token = Forge.token(claims: #"{"sub":"b","exp":2000}"#)
        let parts = token.split(separator: ".")
        #expect(verdict("\(parts[0]).\(parts[1]).") == .failure(.badSignature))
        #expect(verdict("\(parts[0]).\(parts[1])") == .failure(.malformed))
        #expect(verdict("\(token).") == .failure(.malformed))
        #expect(verdict("..") == .failure(.malformed))
        #expect(verdict("") == .failure(.malformed))
        #expect(verdict("\(parts[0]).\(parts[1]).\(parts[2].dropLast(3))") == .failure(.badSignature))
    }

    @Test func `changing any one byte refuses it`() {
        var random = SeededRandom()
        let verifier = TokenVerifier(keys: Forge.keys("k1"))
        let token = Array(Forge.token(claims: #"{"sub":"buyer-1","exp":2000}"#).utf8)
        for index in token.indices {
            for _ in 0..<8 {
                var altered = token
                altered[index] = UInt8.random(in: 0...255, using: &random)
                if altered[index] == token[index] { continue }
                let accepted =
                    (try? verifier.withSubject(of: altered.span, nowSeconds: 1000) { _ in true }) ?? false
                #expect(!accepted, "byte \(index) as \(altered[index]), seed \(random.seed)")
            }
        }
        #expect((try? verifier.withSubject(of: token.span, nowSeconds: 1000) { $0.string }) == "buyer-1")
    }

    @Test(
        arguments: [
            (2029, nil), (2030, .expired), (2031, .expired), (0, nil),
        ] as [(Int, JWTRefusal?)])
    func `exp ends a token thirty seconds late`(_ now: Int, _ refusal: JWTRefusal?) {
        let verdict = verdict(Forge.token(claims: #"{"sub":"b","exp":2000}"#), now: now)
        #expect(verdict == refusal.map { .failure($0) } ?? .success("b"))
    }

    @Test(
        arguments: [
            (969, .notYetValid), (970, nil), (1000, nil),
        ] as [(Int, JWTRefusal?)])
    func `nbf begins a token thirty seconds early`(_ now: Int, _ refusal: JWTRefusal?) {
        let verdict = verdict(Forge.token(claims: #"{"sub":"b","exp":2000,"nbf":1000}"#), now: now)
        #expect(verdict == refusal.map { .failure($0) } ?? .success("b"))
    }

    @Test(arguments: [
        #"{"sub":"b"}"#, #"{"sub":"b","exp":"2000"}"#, #"{"sub":"b","exp":-5}"#, #"{"sub":"b","exp":null}"#,
        #"{"sub":"b","exp":2e3}"#, #"{"sub":"b","exp":2000,"nbf":1.9e9}"#, #"{"sub":1,"exp":2000}"#, #"{"exp":2000"#,
        #"["sub"]"#, #"{"sub":"b","exp":2000}{}"#, #"{"sub":"b","exp":2000,"x":[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]}"#,
    ])
    func `claims of another form are malformed`(_ claims: String) {
        #expect(verdict(Forge.token(claims: claims)) == .failure(.malformed))
    }

    @Test(arguments: [
        #"{"sub":"a","sub":"b","exp":2000}"#, #"{"sub":"b","exp":1,"exp":2000}"#,
        #"{"sub":"b","exp":2000,"nbf":1,"nbf":1}"#,
        #"{"sub":"b","exp":2000,"aud":"other","aud":"shop","iss":"login"}"#,
        #"{"sub":"b","exp":2000,"aud":["shop"],"aud":["other"],"iss":"login"}"#,
        #"{"sub":"b","exp":2000,"aud":"shop","iss":"other","iss":"login"}"#,
        #"{"sub":"b","exp":2000,"aud":"shop","iss":"login","s\u0075b":"a"}"#,
        #"{"sub":"b","exp":2000,"aud":"shop","iss":"login","n\u0062f":5000}"#,
        #"{"sub":"b","exp":2000,"aud":"shop","iss":"login","s\ud83d":"half a surrogate pair"}"#,
    ])
    func `a claim that occurs twice, or only once escapes are read, refuses the token`(_ claims: String) {
        let verifier = TokenVerifier(keys: Forge.keys("k1"), audience: "shop", issuer: "login")
        #expect(verdict(Forge.token(claims: claims), verifier) == .failure(.malformed))
    }

    @Test(
        arguments: [
            (#""aud":"shop","iss":"login""#, nil), (#""aud":["x","shop"],"iss":"login""#, nil),
            (#""aud":[],"iss":"login""#, .wrongAudience), (#""iss":"login""#, .wrongAudience),
            (#""aud":"shops","iss":"login""#, .wrongAudience), (#""aud":"shop""#, .wrongIssuer),
            (#""aud":"shop","iss":"Login""#, .wrongIssuer), (#""aud":1,"iss":"login""#, .malformed),
            (#""aud":["shop",1],"iss":"login""#, .malformed), (#""aud":"shop","iss":["login"]"#, .malformed),
            (#""aud":"sh\u006fp","iss":"\u006cogin""#, nil), (#""aud":["x","s\u0068op"],"iss":"login""#, nil),
            (#""aud":"sh\\u006fp","iss":"login""#, .wrongAudience), (#""aud":"shop","iss":"login\/""#, .wrongIssuer),
        ] as [(String, JWTRefusal?)])
    func `aud and iss must be ours where they are set`(_ members: String, _ refusal: JWTRefusal?) {
        let token = Forge.token(claims: #"{"sub":"b","exp":2000,\#(members)}"#)
        let strict = TokenVerifier(keys: Forge.keys("k1"), audience: "shop", issuer: "login")
        #expect(verdict(token, strict) == refusal.map { .failure($0) } ?? .success("b"))
        #expect(verdict(token) == .success("b"), "unset, they are not looked at")
    }

    @Test(arguments: [
        "", " ", "a b", "a\u{7F}", "Zoë", String(repeating: "x", count: 129),
        #"a\n"#, #"a\u0000"#, #"a\u0020b"#, #"a\u007f"#, #"Zo\u00eb"#, #"a\ud83d\ude00"#, #"a\ud83d"#,
        String(repeating: "x", count: 128) + #"\u0078"#, "erased:", "erased:0123", #"\u0065rased:0123"#,
    ])
    func `a subject is 1 to 128 printable ASCII characters, and not the name of an erased buyer`(_ subject: String) {
        #expect(verdict(Forge.token(claims: #"{"sub":"\#(subject)","exp":2000}"#)) == .failure(.badSubject))
    }

    @Test(arguments: ["~", "!", "erased", "user@example.com", "auth0|5f7c", String(repeating: "x", count: 128)])
    func `any other subject is a buyer`(_ subject: String) {
        #expect(verdict(Forge.token(claims: #"{"exp":2000,"sub":"\#(subject)"}"#)) == .success(subject))
    }

    @Test(
        arguments: [
            (#"google\/1"#, "google/1"), (#"\u0061\u007E"#, "a~"), (#"a\"b"#, "a\"b"), (#"a\\b"#, #"a\b"#),
            (#"a\\u0062"#, #"a\u0062"#), (String(repeating: #"\/"#, count: 128), String(repeating: "/", count: 128)),
        ])
    func `a subject is what JSON reads, however it is escaped`(_ text: String, _ subject: String) {
        #expect(verdict(Forge.token(claims: #"{"exp":2000,"sub":"\#(text)"}"#)) == .success(subject))
    }

    @Test func `a token without subject has no buyer`() {
        #expect(verdict(Forge.token(claims: #"{"exp":2000}"#)) == .failure(.badSubject))
    }

    @Test func `a token of a kilobyte counts, a byte more does not`() {
        func token(padding: Int) -> String {
            Forge.token(claims: #"{"sub":"b","exp":2000,"x":"\#(String(repeating: "x", count: padding))"}"#)
        }
        let largest = (0..<1024).last { token(padding: $0).utf8.count <= Limits.tokenBytesMax }!
        #expect(verdict(token(padding: largest)) == .success("b"))
        #expect(verdict(token(padding: largest + 3)) == .failure(.malformed))
    }

    @Test func `keys rotate: a token counts as long as its key is in the set`() {
        var old = TokenMint(keys: Forge.keys("k1"))
        let token = old.token(subject: "b", issuedAt: 0, expiresAt: 2000)
        // The second key of a set has another secret, so the sets differ by the order of their keys.
        let both = TokenVerifier(keys: Forge.keys("k1", "k2"))
        #expect(verdict(token, both) == .success("b"))
        #expect(verdict(token, TokenVerifier(keys: Forge.keys("k2"))) == .failure(.unknownKey))
        #expect(verdict(token, TokenVerifier(keys: Forge.keys("k2", "k1"))) == .failure(.badSignature))
    }

    @Test func `keys of one set are told apart token by token`() {
        let keys = Forge.keys("k1", "k2")
        let verifier = TokenVerifier(keys: keys)
        let claims = #"{"sub":"b","exp":2000}"#
        for _ in 0..<3 {
            #expect(verdict(Forge.token(claims: claims), verifier) == .success("b"))
            let other = Forge.token(header: #"{"alg":"HS256","kid":"k2"}"#, claims: claims)
            #expect(verdict(other, verifier) == .failure(.badSignature))
        }
    }
}
