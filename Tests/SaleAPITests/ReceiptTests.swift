import Foundation
import RedisClient
import Shared
import TestSupport
import Testing

@Suite struct `An order's receipt` {
    private static let script = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("contract/verify_receipt.py")

    /// The receipt of an order, as its buyer sees it; nil if it is null.
    private func receipt(_ api: APIUnderTest, _ order: String, _ buyer: String) throws -> String? {
        let answer = try api.ask("GET", order, [api.bearer(buyer)])
        #expect(answer.status == 200)
        #expect(answer["Cache-Control"] == "private, no-store")
        let receipt = try #require(answer.json["receipt"])
        return receipt as? String
    }

    private func jwks(_ api: APIUnderTest) throws -> String { try api.ask("GET", "/.well-known/jwks.json").body }

    private func verified(_ receipt: String, by jwks: String) throws -> Receipt {
        let verifier = try jwks.withBytes { try ReceiptVerifier(jwks: $0) }
        return try receipt.withBytes { try verifier.receipt($0) }
    }

    /// Has PyJWT verify a receipt.
    private func pyJWT(
        _ receipt: String, _ jwks: String, in directory: TemporaryDirectory
    ) throws -> (code: Int32, output: String, errors: String) {
        try jwks.write(toFile: directory.path("set"), atomically: true, encoding: .utf8)
        try receipt.write(toFile: directory.path("receipt"), atomically: true, encoding: .utf8)
        return try ChildProcess.run(
            URL(fileURLWithPath: "/usr/bin/python3"),
            [Self.script.path, directory.path("set"), directory.path("receipt")])
    }

    @Test func `is verified by a third-party JOSE library from the published keys alone`() throws {
        let api = try APIUnderTest()
        let redis = try api.redis.connect()
        let sale = try TestSale.create(redis, maxPerBuyer: 5)
        let won = try api.buy("demo", "b1", "k1", quantity: 3)
        let receipt = try #require(try receipt(api, "/v1/sales/demo/orders/demo-1", "b1"))
        let keys = try jwks(api)
        let result = try pyJWT(receipt, keys, in: api.redis.directory)
        #expect(result.code == 0, "\(result.errors)")
        let said = try #require(
            try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: [String: Any]])
        let header = said["header"] as? [String: String]
        #expect(header?.keys.sorted() == ["alg", "kid", "typ"])
        #expect(header?["alg"] == "EdDSA")
        #expect(header?["typ"] == "receipt+jwt")
        let saved = try redis.command(["HMGET", "\(SaleKeys(sale).sale)", "uuid", "pseudonym_key"])
        let ofSale = saved.strings
        let claims = try #require(said["claims"])
        #expect(
            Set(claims.keys) == ["sale", "uuid", "epoch", "order", "position", "quantity", "buyer", "secured_at"])
        for (name, value) in [
            ("sale", "demo"), ("uuid", ofSale[0]), ("order", "demo-1"),
            ("buyer", Pseudonym(key: ofSale[1])?.of("b1") ?? ""),
            ("secured_at", won.json["secured_at"] as? String ?? ""),
        ] { #expect(claims[name] as? String == value) }
        for (name, value) in [("epoch", 1), ("position", 1), ("quantity", 3)] { #expect(claims[name] as? Int == value) }

        // The library does check the signature and the key.
        #expect(try api.buy("demo", "b1", "k2").status == 201)
        let second = try #require(try self.receipt(api, "/v1/sales/demo/orders/demo-2", "b1"))
        let (parts, others) = (receipt.split(separator: "."), second.split(separator: "."))
        let mixed = try pyJWT("\(parts[0]).\(others[1]).\(parts[2])", keys, in: api.redis.directory)
        #expect(mixed.code == 1)
        #expect(mixed.errors == "InvalidSignatureError: Signature verification failed\n")
        let other = try APIUnderTest()
        #expect(try pyJWT(receipt, jwks(other), in: api.redis.directory).errors.hasPrefix("KeyError"))
    }

    @Test func `never changes, whatever else does`() throws {
        let api = try APIUnderTest()
        let redis = try api.redis.connect()
        let sale = try TestSale.create(redis)
        #expect(try api.buy("demo", "b1", "k1").status == 201)
        let order = "/v1/sales/demo/orders/demo-1"
        let first = try #require(try receipt(api, order, "b1"))
        #expect(try receipt(api, order, "b1") == first)
        let key = RedisArgument(SaleKeys(sale).sale)
        // Stored, and rebuilt under a new epoch: the order keeps its own epoch.
        try redis.command(["HSET", key, "persisted_position", "1", "epoch", "7"])
        _ = try redis.control(sale, .close)
        #expect(try receipt(api, order, "b1") == first)
        try api.restart()
        #expect(try receipt(api, order, "b1") == first)
        #expect(try verified(first, by: jwks(api)).epoch == 1)
    }

    @Test func `is neither in the list nor in the purchase's own answer`() throws {
        let api = try APIUnderTest()
        try TestSale.create(try api.redis.connect())
        #expect(try api.buy("demo", "b1", "k1").json["receipt"] == nil)
        #expect(try api.buy("demo", "b1", "k1").json["receipt"] == nil)
        let list = try api.ask("GET", "/v1/sales/demo/purchases", [api.bearer("b1")])
        let orders = try #require(list.json["orders"] as? [[String: Any]])
        #expect(orders.count == 1 && orders[0]["receipt"] == nil)
    }

    @Test func `names buyers by distinct pseudonyms`() throws {
        let api = try APIUnderTest()
        try TestSale.create(try api.redis.connect())
        var pseudonyms: Set<String> = []
        for (index, buyer) in ["a-well-known-buyer", "another-one"].enumerated() {
            #expect(try api.buy("demo", buyer, "k1").status == 201)
            let receipt = try #require(try receipt(api, "/v1/sales/demo/orders/demo-\(index + 1)", buyer))
            pseudonyms.insert(try verified(receipt, by: jwks(api)).buyer)
        }
        #expect(pseudonyms.count == 2)
        #expect(pseudonyms.allSatisfy { $0.wholeMatch(of: /[0-9a-f]{32}/) != nil })
    }

    @Test func `is there for each of many concurrent look-ups`() throws {
        let api = try APIUnderTest()
        try TestSale.create(try api.redis.connect(), stock: 100)
        let buyers = (1...100).map { "b\($0)" }
        for buyer in buyers { #expect(try api.buy("demo", buyer, "k1").status == 201) }
        let clients = try buyers.map { _ in try api.connect() }
        // They all arrive before the process looks, so more than one pass of the loop signs.
        api.process.signal(SIGSTOP)
        for (index, client) in clients.enumerated() {
            try client.send("GET", "/v1/sales/demo/orders/demo-\(index + 1)", headers: [api.bearer(buyers[index])])
        }
        api.process.signal(SIGCONT)
        let keys = try jwks(api)
        for (index, client) in clients.enumerated() {
            let answer = try client.answer()
            let receipt = try #require(answer.json["receipt"] as? String, "\(answer)")
            #expect(try verified(receipt, by: keys).order.position == index + 1)
        }
    }

    @Test func `is null, and the key set empty, if the server has no key`() throws {
        let api = try APIUnderTest(["SALE_RECEIPT_KEY_FILE": ""])
        try TestSale.create(try api.redis.connect())
        #expect(try api.buy("demo", "b1", "k1").status == 201)
        #expect(try receipt(api, "/v1/sales/demo/orders/demo-1", "b1") == nil)
        #expect(try jwks(api) == #"{"keys":[]}"#)
    }

    @Test func `is null, and the log reports it, if Redis lacks the sale's keys`() throws {
        let api = try APIUnderTest()
        let redis = try api.redis.connect()
        let key = RedisArgument(SaleKeys(try TestSale.create(redis)).sale)
        #expect(try api.buy("demo", "b1", "k1").status == 201)
        try redis.command(["HDEL", key, "pseudonym_key"])
        #expect(try receipt(api, "/v1/sales/demo/orders/demo-1", "b1") == nil)
        #expect(eventually { api.process.errors.contains("\"event\":\"receipt_unsigned\"") })
    }
}
