import Foundation
import OrderStore
import Shared
import TestSupport
import Testing

@Suite struct `salectl ledger verify` {
    private let directory = try! TemporaryDirectory()

    /// A ledger of three entries, as an export writes it, and the head after each.
    private func ledger() throws -> (file: String, heads: [String]) {
        var chain = LedgerChain()
        var (lines, heads): ([String], [String]) = ([], [])
        for entry in [
            #"{"seq":1,"kind":"create","sale":"demo","uuid":"u","stock":5}"#,
            #"{"seq":2,"kind":"restock","units":5,"at_ms":1}"#, #"{"seq":3,"kind":"restock","units":5,"at_ms":2}"#,
        ] {
            entry.withBytes { chain.extend(by: $0) }
            var hash = ByteBuffer(capacity: 64)
            hash.append(hex: chain.hash.span)
            lines.append(#"\#(entry.dropLast()),"hash":"\#(hash.string)"}"#)
            heads.append("\(chain.seq):\(hash.string)")
        }
        lines.append(LedgerHeadLine.text(chain))
        let file = directory.path("demo.jsonl")
        try lines.joined(separator: "\n").write(toFile: file, atomically: true, encoding: .utf8)
        return (file, heads)
    }

    private func verify(
        _ file: String, _ heads: [String], _ options: [String] = []
    ) throws -> (code: Int32, output: String, errors: String) {
        let line = ["ledger", "verify", file] + heads.flatMap { ["--head", $0] } + options
        return try ChildProcess.run(ChildProcess.product("salectl"), line)
    }

    @Test func `takes every head that the ledger has had`() throws {
        let (file, heads) = try ledger()
        let result = try verify(file, heads)
        #expect(result.code == ExitCode.ok, "\(result.output)")
    }

    @Test func `names the entry that has another hash than the kept one`() throws {
        let (file, heads) = try ledger()
        let result = try verify(file, ["2:\(heads[0].dropFirst(2))"])
        #expect(result.code == ExitCode.negative)
        #expect(result.output.contains("entry 2: its hash is not the one that was kept"), "\(result.output)")
    }

    @Test func `says that the ledger ends before a kept head`() throws {
        let (file, heads) = try ledger()
        let result = try verify(file, ["4:\(heads[0].dropFirst(2))"])
        #expect(result.code == ExitCode.negative)
        #expect(result.output.contains("ends with entry 3, and once had entry 4"), "\(result.output)")
    }

    @Test func `takes receipts as they are or from files, and says whether their signatures were checked`() throws {
        let keys = try Ed25519PrivateKey().pem.withBytes { try ReceiptKeys(pem: $0) }
        var set = ByteBuffer()
        set.append(jwks: keys)
        var receipt = ByteBuffer()
        keys.signer.append(
            Receipt(
                order: OrderID(sale: SaleID("demo")!, position: 7), uuid: "u", epoch: 1, quantity: 1,
                buyer: String(repeating: "0", count: 32), securedAt: .now), to: &receipt)
        let (jwks, saved) = (directory.path("jwks.json"), directory.path("receipt.jwt"))
        try set.string.write(toFile: jwks, atomically: true, encoding: .utf8)
        try "\(receipt.string)\n".write(toFile: saved, atomically: true, encoding: .utf8)
        let file = try ledger().file
        let unknown = "position 7: a receipt has it, and this ledger does not"
        for given in [receipt.string, saved] {
            let result = try verify(file, [], ["--receipt", given, "--jwks", jwks])
            #expect(result.code == ExitCode.negative)
            #expect(result.output.contains(unknown) && result.output.contains("broken"), "\(result.output)")
            #expect(!result.output.contains("signatures were not checked"))
        }
        let unchecked = try verify(file, [], ["--receipt", saved])
        #expect(unchecked.code == ExitCode.negative)
        #expect(unchecked.output.contains("signatures were not checked: give --jwks"), "\(unchecked.output)")
        let json = try verify(file, [], ["--receipt", saved, "--json"])
        #expect(json.output.contains(#""receipts":1,"#) && json.output.contains(#""faults":["\#(unknown)"]"#))
        try "[]".write(toFile: jwks, atomically: true, encoding: .utf8)
        #expect(try verify(file, [], ["--receipt", saved, "--jwks", jwks]).code == ExitCode.data)
    }

    @Test(arguments: ["0:00", "0:\(String(repeating: "0", count: 64))", "one"])
    func `refuses what is no head`(_ head: String) throws {
        #expect(try verify(try ledger().file, [head]).code == ExitCode.usage)
    }
}
