import Foundation
import RedisClient
import Shared
import TestSupport
import Testing

@Suite struct `The published keys of receipts` {
    @Test func `may be cached for five minutes, and revalidated by their tag`() throws {
        let api = try APIUnderTest()
        let answer = try api.ask("GET", "/.well-known/jwks.json")
        #expect(answer.status == 200)
        #expect(answer["Content-Type"] == "application/json")
        #expect(answer["Cache-Control"] == "public, max-age=300")
        let tag = try #require(answer["ETag"])
        let again = try api.ask("GET", "/.well-known/jwks.json", [("If-None-Match", tag)])
        #expect(again.status == 304)
        #expect(again["ETag"] == tag)
        #expect(again["Cache-Control"] == "public, max-age=300")
        #expect(again.body.isEmpty)
        #expect(try api.ask("GET", "/.well-known/jwks.json", [("If-None-Match", "W/\"other\"")]).status == 200)
    }

    @Test func `are served without Redis`() throws {
        let api = try APIUnderTest(["SALE_REDIS_URL": "unix:///nowhere/redis.sock"], ready: false)
        #expect((try api.ask("GET", "/.well-known/jwks.json").json["keys"] as? [Any])?.count == 1)
    }

    @Test func `change on SIGHUP, old receipts still verify, and an unusable file changes nothing`() throws {
        let api = try APIUnderTest()
        try TestSale.create(try api.redis.connect())
        #expect(try api.buy("demo", "b1", "k1").status == 201)
        func receipt() throws -> String {
            let answer = try api.ask("GET", "/v1/sales/demo/orders/demo-1", [api.bearer("b1")])
            return try #require(answer.json["receipt"] as? String)
        }
        func keys() throws -> [String] {
            let set = try api.ask("GET", "/.well-known/jwks.json").json["keys"] as? [[String: String]]
            return (set ?? []).compactMap { $0["kid"] }
        }
        var reloads = 0
        func reload(_ content: String, _ event: String) throws {
            try content.write(toFile: api.receiptKeyFile, atomically: true, encoding: .utf8)
            api.process.signal(SIGHUP)
            reloads += 1
            func lines() -> [Substring] {
                api.process.errors.split(separator: "\n").filter { $0.contains("\"event\":\"receipt_keys_") }
            }
            #expect(eventually { lines().count == reloads })
            #expect(lines().last?.contains("\"event\":\"\(event)\"") == true, "\(lines())")
        }

        let old = try receipt()
        let oldKeys = try keys()
        let before = try String(contentsOfFile: api.receiptKeyFile, encoding: .utf8)
        let rotated = try before.withBytes { try ReceiptKeys(pem: $0) }.rotatedPEM()
        try reload(rotated, "receipt_keys_reloaded")
        let new = try receipt()
        #expect(new != old)
        #expect(try keys().count == 2 && keys().last == oldKeys[0])
        for useless in [
            String(rotated.dropLast(20)), "",
            try #require(rotated.split(separator: "-----BEGIN PUB").first) + "-----BEGIN PUB",
        ] {
            try reload(String(useless), "receipt_keys_kept")
            #expect(try keys().count == 2)
            #expect(try receipt() == new)
        }
        let set = try api.ask("GET", "/.well-known/jwks.json").body
        let verifier = try set.withBytes { try ReceiptVerifier(jwks: $0) }
        let read = try [old, new].map { text in try text.withBytes { try verifier.receipt($0) } }
        #expect(read[0] == read[1])
    }

    @Test(arguments: [
        "", "-----BEGIN PRIVATE KEY-----\nMC4CAQ", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    ])
    func `from an unusable file keep the server from starting`(_ content: String) throws {
        let directory = try TemporaryDirectory()
        let (keys, receiptKeys) = (directory.path("jwks.json"), directory.path("receipt.pem"))
        try KeySet.json([("k1", Crypto.randomBytes(32))]).write(toFile: keys, atomically: true, encoding: .utf8)
        try content.write(toFile: receiptKeys, atomically: true, encoding: .utf8)
        let result = try ChildProcess.run(
            ChildProcess.product("sale-api"), [],
            environment: ["SALE_JWT_JWKS_FILE": keys, "SALE_RECEIPT_KEY_FILE": receiptKeys])
        #expect(result.code == 78)
        #expect(result.errors.hasPrefix("sale-api: SALE_RECEIPT_KEY_FILE names \(receiptKeys), which is not usable: "))
        #expect(result.errors.split(separator: "\n").count == 1)
    }
}
