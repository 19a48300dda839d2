import Foundation
import Shared
import TestSupport
import Testing

extension salectl {
    @Test func `makes keys once, for their owner only, and signs tokens that verify`() throws {
        let operate = try Operator()
        let directory = operate.server.directory.path("keys")
        #expect(try operate.run(["keys", "init", directory]).code == 0)
        for name in ["jwks.json", "receipt.pem", "ops.token"] {
            let attributes = try FileManager.default.attributesOfItem(atPath: "\(directory)/\(name)")
            #expect(attributes[.posixPermissions] as? Int == 0o600)
        }
        let token = try String(contentsOfFile: "\(directory)/ops.token", encoding: .utf8)
        #expect(token.wholeMatch(of: /[A-Za-z0-9_-]{43}\n/) != nil)
        let before = try Data(contentsOf: URL(fileURLWithPath: "\(directory)/jwks.json"))
        let again = try operate.run(["keys", "init", directory])
        #expect(again.code == ExitCode.cantCreate)
        #expect(try Data(contentsOf: URL(fileURLWithPath: "\(directory)/jwks.json")) == before)

        let signed = try operate.run(["token", "--subject", "s", "--count", "3", "--ttl", "5m"])
        let tokens = signed.output.split(separator: "\n")
        #expect(tokens.count == 3)
        let keys = try KeySet(json: Array(before).span)
        let verifier = TokenVerifier(keys: keys)
        let now = UnixMilliseconds.now.value / 1000
        for (index, token) in tokens.enumerated() {
            let token = ByteBuffer(text: String(token))
            #expect(try verifier.withSubject(of: token.bytes, nowSeconds: now) { $0.string } == "s\(index + 1)")
            #expect(throws: JWTRefusal.expired) {
                try verifier.withSubject(of: token.bytes, nowSeconds: now + 340) { _ in }
            }
        }
    }

    @Test func `rotates the key of receipts, and old receipts still verify`() throws {
        let operate = try Operator()
        let directory = operate.server.directory.path("keys")
        let file = "\(directory)/receipt.pem"
        #expect(try operate.run(["keys", "init", directory]).code == 0)
        func keys() throws -> ReceiptKeys {
            try String(contentsOfFile: file, encoding: .utf8).withBytes { try ReceiptKeys(pem: $0) }
        }
        let first = try keys()
        let receipt = Receipt(
            order: OrderID(sale: SaleID("demo")!, position: 1), uuid: Crypto.uuid(), epoch: 1, quantity: 1,
            buyer: String(repeating: "0", count: 32), securedAt: .now)
        var signed = ByteBuffer()
        first.signer.append(receipt, to: &signed)
        chmod(file, 0o640)
        for rotation in 1...2 {
            let result = try operate.run(["keys", "rotate-receipt", directory])
            #expect(result.code == 0, "\(result.errors)")
            let now = try keys()
            #expect(result.output.hasPrefix("signs    \(now.published[0].keyID)\nretired  \(rotation)\n"))
            #expect(now.published.last?.keyID == first.published[0].keyID)
            var set = ByteBuffer()
            set.append(jwks: now)
            #expect(try ReceiptVerifier(jwks: set.bytes).receipt(signed.bytes) == receipt)
        }
        let attributes = try FileManager.default.attributesOfItem(atPath: file)
        #expect(attributes[.posixPermissions] as? Int == 0o640)
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory).count == 3)
    }

    @Test func `rotates nothing if it could lose a key`() throws {
        let operate = try Operator()
        let directory = operate.server.directory.path("keys")
        let file = "\(directory)/receipt.pem"
        #expect(try operate.run(["keys", "init", directory]).code == 0)
        let whole = try String(contentsOfFile: file, encoding: .utf8)
        let half = String(whole.dropLast(10))
        try half.write(toFile: file, atomically: true, encoding: .utf8)
        // Not even read while another rotation is about to replace it: its new key would be missing from this one's.
        try withExtendedLifetime(PartialFile(file)) { _ in
            let result = try operate.run(["keys", "rotate-receipt", directory])
            #expect(result.code == ExitCode.cantCreate)
            #expect(result.errors.contains("\(file) can't be written: another program is writing it"))
        }
        #expect(try operate.run(["keys", "rotate-receipt", directory]).code == ExitCode.data)
        #expect(try String(contentsOfFile: file, encoding: .utf8) == half)
        try whole.write(toFile: file, atomically: true, encoding: .utf8)
        // What a rotation that broke off has left is in nobody's way.
        try half.write(toFile: PartialFile.partialPath(of: file), atomically: true, encoding: .utf8)
        #expect(try operate.run(["keys", "rotate-receipt", directory]).code == 0)
    }
}

extension ByteBuffer {
    fileprivate init(text: String) {
        self.init(capacity: text.utf8.count)
        append(text)
    }
}
