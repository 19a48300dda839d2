import OrderStore
import Shared
import TestSupport
import Testing

@Suite struct `An audit of a ledger` {
    /// The lines of a ledger of ten thousand orders, including the head line.
    private static let lines: [String] = {
        let directory = try! TemporaryDirectory()
        let path = directory.path("sale.db")
        let store = try! OrderStore(path: path)
        _ = try! store.apply(TestEvents.sale, [TestEvents.create(stock: 20_000)])
        for start in stride(from: 1, through: 9001, by: 1000) {
            _ = try! store.apply(TestEvents.sale, (start..<start + 1000).map { TestEvents.order($0) })
        }
        let reader = try! StoreReader(path: path)
        var text = ByteBuffer(capacity: 1 << 20)
        try! reader.ledger(of: TestEvents.sale, after: 0, limit: 20_000) { $0.append(to: &text) }
        let head = try! reader.ledgerHead(of: TestEvents.sale)!
        return text.string.split(separator: "\n").map(String.init) + [LedgerHeadLine.text(head)]
    }()

    private func audit(_ change: (inout [String]) -> Void) -> LedgerAudit {
        var lines = Self.lines
        change(&lines)
        return lines.joined(separator: "\n").withBytes { LedgerAudit($0) }
    }

    @Test func `finds no fault in a whole ledger`() {
        let audit = audit { _ in }
        #expect(audit.fault == nil)
        #expect(audit.orders.count == 10_000)
        #expect(audit.chain.seq == 10_001)
    }

    @Test func `names the first entry that was edited`() {
        let fault = audit { $0[5000] = $0[5000].replacing("\"quantity\":1", with: "\"quantity\":2") }.fault
        #expect(fault?.seq == 5001)
        #expect(fault?.position == 5000)
    }

    @Test func `names the place where two were swapped`() {
        let fault = audit { $0.swapAt(300, 301) }.fault
        #expect(fault?.seq == 301)
        #expect(fault?.message.contains("moved") == true)
    }

    @Test func `names the place where one was dropped`() {
        let fault = audit { $0.remove(at: 7777) }.fault
        #expect(fault?.seq == 7778)
        #expect(fault?.message.contains("missing") == true)
    }

    @Test func `notices that the end was cut off, with its last line or without`() {
        let without = audit { $0.removeLast(100) }.fault
        #expect(without?.message.contains("cut off") == true)
        let with = audit { $0.removeSubrange(9901..<10_001) }.fault
        #expect(with?.message.contains("100 at its end are missing") == true)
    }

    @Test func `notices a history that was made up anew behind an entry`() {
        // Whoever can write the whole file can make its hashes fit. Only an end that is known from elsewhere reveals
        // that.
        let store = try! TemporaryDirectory()
        let other = try! OrderStore(path: store.path("sale.db"))
        _ = try! other.apply(TestEvents.sale, [TestEvents.create(stock: 20_000), TestEvents.order(1, buyer: "me")])
        let reader = try! StoreReader(path: store.path("sale.db"))
        let known = try! reader.ledgerHead(of: TestEvents.sale)!
        let forged = Self.lines.prefix(2).joined(separator: "\n").withBytes { LedgerAudit($0, kept: [known]) }
        #expect(forged.fault?.message.contains("another history") == true)
    }

    @Test func `notices the end of another history of the same length`() {
        let text = Self.lines.prefix(2) + [LedgerHeadLine.text(LedgerChain(seq: 2, hash: Self.head(1).hash))]
        let audit = text.joined(separator: "\n").withBytes { LedgerAudit($0) }
        #expect(audit.fault?.message == "the ledger has another end: this is another history")
    }

    @Test func `notices what can't be, though the hashes fit`() {
        func fault(_ entries: [String]) -> String? {
            var chain = LedgerChain()
            var lines: [String] = []
            for entry in entries {
                entry.withBytes { chain.extend(by: $0) }
                lines.append(#"\#(entry.dropLast()),"hash":"\#(chain.hash.span.hex)"}"#)
            }
            lines.append(LedgerHeadLine.text(chain))
            return lines.joined(separator: "\n").withBytes { LedgerAudit($0) }.fault?.message
        }
        func create(_ kind: String) -> String { #"{"seq":1,"kind":"\#(kind)","sale":"demo","uuid":"u","stock":4}"# }
        func order(_ seq: Int, _ position: Int = 1, units: Int = 1) -> String {
            #"{"seq":\#(seq),"kind":"order","position":\#(position),"buyer":"b","quantity":\#(units),"#
                + #""secured_at_ms":1,"epoch":1}"#
        }
        func restock(_ seq: Int, _ units: Int) -> String {
            #"{"seq":\#(seq),"kind":"restock","units":\#(units),"at_ms":1}"#
        }
        #expect(fault([create("create"), order(2)]) == nil)
        #expect(fault([create("create"), order(2), order(3)]) == "position 1 was given before")
        #expect(fault([create("set"), order(2)]) == "a ledger begins with the sale's creation")
        #expect(fault([create("create"), order(2, units: 4)]) == nil)
        #expect(fault([create("create"), order(2, units: 4), order(3, 2)]) == "it sells 1 unit more than there were")
        #expect(fault([create("create"), restock(2, 2), order(3, units: 6)]) == nil)
        #expect(
            fault([create("create"), restock(2, -2), order(3, units: 4)]) == "it sells 2 units more than there were")
        #expect(
            fault([create("create"), order(2, units: 3), restock(3, -2)])
                == "it takes away 1 unit that had been sold")
        #expect(
            fault([create("create"), restock(2, 999_999_999_999_999_999)])
                == "a restock lacks its units, or has more than any sale")
    }

    /// The head that the ledger had after its first `seq` entries.
    private static func head(_ seq: Int) -> LedgerChain {
        let prefix = lines.prefix(seq).joined(separator: "\n").withBytes { LedgerAudit($0) }
        return prefix.chain
    }

    @Test func `takes heads that were kept while it grew`() {
        let kept = [Self.head(1), Self.head(5000), Self.head(10_001)]
        let whole = Self.lines.joined(separator: "\n").withBytes { LedgerAudit($0, kept: kept) }
        #expect(whole.fault == nil)
        // The head of the last entry says where the ledger ends; an earlier one does not.
        let bare = Self.lines.dropLast().joined(separator: "\n")
        #expect(bare.withBytes { LedgerAudit($0, kept: kept) }.fault == nil)
        let unended = bare.withBytes { LedgerAudit($0, kept: [Self.head(5000)]) }
        #expect(unended.fault?.message.contains("cut off") == true)
    }

    @Test func `names the entry whose kept head it does not have`() {
        let wrong = LedgerChain(seq: 5000, hash: Self.head(4999).hash)
        let audit = Self.lines.joined(separator: "\n").withBytes { LedgerAudit($0, kept: [Self.head(1), wrong]) }
        #expect(audit.fault?.seq == 5000)
        #expect(audit.fault?.message.contains("another history") == true)
    }

    @Test func `says that it ends before a kept head`() {
        let cut = (Self.lines.prefix(300) + [LedgerHeadLine.text(Self.head(300))]).joined(separator: "\n")
        let fault = cut.withBytes { LedgerAudit($0, kept: [Self.head(301)]) }.fault
        #expect(fault?.message == "the ledger ends with entry 300, and once had entry 301: its end is missing here")
    }

    @Test(arguments: ["", "{}", "{\"seq\":1}", "not json", "{\"seq\":1,\"hash\":\"00\"}"])
    func `refuses a line that is not an entry`(_ line: String) {
        #expect(audit { $0[0] = line }.fault?.line == 1)
    }
}
