import OrderStore
import Shared
import TestSupport
import Testing

@testable import SaleCtl

/// Receipts beside a ledger of one order, position 1.
@Suite struct `A receipt beside a ledger` {
    private static let receipt = Receipt(
        order: OrderID(sale: SaleID("demo")!, position: 1), uuid: "u", epoch: 2, quantity: 3,
        buyer: "00112233445566778899aabbccddeeff", securedAt: UnixMilliseconds(1_764_183_600_123))

    private static let ledger = ledger([
        #"{"seq":1,"kind":"create","sale":"demo","uuid":"u","stock":5}"#,
        #"{"seq":2,"kind":"order","position":1,"buyer":"00112233445566778899aabbccddeeff","quantity":3,"#
            + #""secured_at_ms":1764183600123,"epoch":2}"#,
    ])

    private static func ledger(_ entries: [String]) -> LedgerAudit {
        var chain = LedgerChain()
        var text = ByteBuffer()
        for entry in entries {
            entry.withBytes { chain.extend(by: $0) }
            LedgerLine(seq: chain.seq, entry: entry, hash: chain.hash).append(to: &text)
        }
        text.append(LedgerHeadLine.text(chain))
        let audit = LedgerAudit(text.bytes)
        precondition(audit.fault == nil, "the test's ledger is broken")
        return audit
    }

    private static func newKeys() throws -> ReceiptKeys {
        try Ed25519PrivateKey().pem.withBytes { try ReceiptKeys(pem: $0) }
    }

    private static func verifier(_ keys: ReceiptKeys) throws -> ReceiptVerifier {
        var set = ByteBuffer()
        set.append(jwks: keys)
        return try ReceiptVerifier(jwks: set.bytes)
    }

    private static func sign(_ receipt: Receipt, _ keys: ReceiptKeys) -> String {
        var text = ByteBuffer()
        keys.signer.append(receipt, to: &text)
        return text.string
    }

    /// What is wrong with these receipts, which are all signed with the shop's key.
    private func faults(_ receipts: Receipt...) throws -> [String] {
        let keys = try Self.newKeys()
        let verifier = try Self.verifier(keys)
        var audit = ReceiptAudit(Self.ledger)
        for receipt in receipts { audit.check(Self.sign(receipt, keys), keys: verifier) }
        #expect(audit.checked == receipts.count)
        return audit.faults
    }

    private func altered(_ change: (inout Receipt) -> Void) -> Receipt {
        var receipt = Self.receipt
        change(&receipt)
        return receipt
    }

    @Test func `has no fault if it says what the ledger says, however often it is shown`() throws {
        #expect(try faults(Self.receipt, Self.receipt) == [])
    }

    @Test func `is at odds with a ledger that describes another order`() throws {
        for other in [
            altered { $0.buyer = String(repeating: "0", count: 32) }, altered { $0.quantity = 1 },
            altered { $0.securedAt = UnixMilliseconds(1) }, altered { $0.epoch = 1 },
        ] {
            #expect(try faults(other) == ["position 1: the receipt and this ledger describe different orders"])
        }
    }

    @Test func `is at odds with a ledger that does not have its position`() throws {
        let receipt = altered { $0.order = OrderID(sale: $0.order.sale, position: 2) }
        #expect(try faults(receipt) == ["position 2: a receipt has it, and this ledger does not"])
    }

    @Test func `of another sale, or of an earlier one of that name, proves nothing about this ledger`() throws {
        let other = altered { $0.order = OrderID(sale: SaleID("other")!, position: 1) }
        let earlier = altered { $0.uuid = "v" }
        #expect(
            try faults(other, earlier) == [
                "receipt 1 is of another sale: other, u", "receipt 2 is of another sale: demo, v",
            ])
    }

    @Test func `and another one for the same position prove two histories`() throws {
        let other = altered { $0.buyer = String(repeating: "0", count: 32) }
        #expect(
            try faults(Self.receipt, other) == [
                "position 1: two receipts prove two different histories",
                "position 1: the receipt and this ledger describe different orders",
            ])
    }

    @Test func `counts only if the shop has signed it, as far as its keys are known`() throws {
        let keys = try Self.newKeys()
        let text = Self.sign(Self.receipt, keys)
        // Another one's signature.
        let other = Self.sign(altered { $0.quantity = 1 }, keys)
        let forged = (text.split(separator: ".").dropLast() + other.split(separator: ".").suffix(1)).joined(
            separator: ".")
        func faults(_ keys: ReceiptVerifier?) -> [String] {
            var audit = ReceiptAudit(Self.ledger)
            for text in [text, forged, "no receipt"] { audit.check(text, keys: keys) }
            return audit.faults
        }
        #expect(
            try faults(Self.verifier(keys)) == [
                "receipt 2 does not count: its signature does not match what it says",
                "receipt 3 does not count: it is not in the form of a receipt",
            ])
        #expect(
            try faults(Self.verifier(Self.newKeys())).prefix(2) == [
                "receipt 1 does not count: the key that it names is not among those given",
                "receipt 2 does not count: the key that it names is not among those given",
            ])
        #expect(faults(nil) == ["receipt 3 does not count: it is not in the form of a receipt"])
    }
}
