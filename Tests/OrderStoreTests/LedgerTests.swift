import OrderStore
import Shared
import TestSupport
import Testing

@Suite struct `The ledger` {
    private let directory = try! TemporaryDirectory()
    private var path: String { directory.path("sale.db") }
    private let sale = TestEvents.sale

    private func entries() throws -> [String] {
        try SQLiteShell.run(path, "SELECT entry FROM ledger ORDER BY seq")
    }

    @Test func `tells what happened in the order of commit, buyers by their pseudonym`() throws {
        let store = try OrderStore(path: path)
        _ = try store.apply(sale, [TestEvents.create(), TestEvents.order(2)])
        _ = try store.apply(sale, [TestEvents.order(1), TestEvents.order(2)])
        try store.record(.init(positions: 3...4, units: 2, isReleased: false), of: sale)
        let entries = try entries()
        let buyer = try #require(Pseudonym(key: String(repeating: "ab", count: 32))).of("buyer-2")
        #expect(entries.count == 4)
        #expect(
            entries[1] == """
                {"seq":2,"kind":"order","position":2,"buyer":"\(buyer)","quantity":1,"secured_at_ms":2000,"epoch":1}
                """)
        #expect(entries[2].hasPrefix(#"{"seq":3,"kind":"order","position":1,"#))
        #expect(entries[3].hasPrefix(#"{"seq":4,"kind":"lost","first_position":3,"last_position":4,"units":2,"#))
        #expect(!entries.joined().contains("buyer-2"))
    }

    @Test func `goes on behind its last entry when the file is opened again, each hash covering the one before`() throws
    {
        for position in 1...2 {
            let store = try OrderStore(path: path)
            _ = try store.apply(sale, [TestEvents.create(), TestEvents.order(position)])
        }
        var chain = LedgerChain()
        let hashes = try SQLiteShell.run(path, "SELECT lower(hex(hash)) FROM ledger ORDER BY seq")
        for (entry, hash) in zip(try entries(), hashes) {
            entry.withBytes { chain.extend(by: $0) }
            var text = ByteBuffer(capacity: 64)
            text.append(hex: chain.hash.span)
            #expect(text.string == hash)
        }
        #expect(chain.seq == 3)
    }

    @Test func `has nothing of a transaction that failed`() throws {
        let store = try OrderStore(path: path)
        _ = try store.apply(sale, [TestEvents.create(), TestEvents.order(1)])
        let shell = try SQLiteLock(path)
        defer { shell.release() }
        #expect(throws: StoreError.self) { _ = try store.apply(sale, [TestEvents.order(2)]) }
        shell.release()
        _ = try store.apply(sale, [TestEvents.order(3)])
        #expect(try entries().count == 3)
        #expect(try entries()[2].contains(#""position":3"#))
    }

    @Test func `of a restock has the stock follow, each once`() throws {
        let store = try OrderStore(path: path)
        let restock = TestEvents.entry("50-0", [("v", "1"), ("kind", "restock"), ("units", "5"), ("at_ms", "7")])
        _ = try store.apply(sale, [TestEvents.create(stock: 1), TestEvents.order(1), restock])
        #expect(
            try store.apply(sale, [restock, TestEvents.create(stock: 1)]).outcomes == [.alreadyStored, .alreadyStored])
        #expect(try store.account(of: sale)?.record.stockTotal == 6)
        #expect(try entries().last == #"{"seq":3,"kind":"restock","units":5,"at_ms":7}"#)
    }

    @Test func `has nothing of a restock that would leave less than is sold`() throws {
        let store = try OrderStore(path: path)
        let restock = TestEvents.entry("50-0", [("v", "1"), ("kind", "restock"), ("units", "-5"), ("at_ms", "7")])
        let applied = try store.apply(sale, [TestEvents.create(stock: 5), TestEvents.order(1), restock])
        #expect(applied.outcomes[2].reason == .contradiction)
        #expect(try store.account(of: sale)?.record.stockTotal == 5)
        #expect(try SQLiteShell.run(path, "SELECT count(*) FROM restocks") == ["0"])
    }
}

@Suite struct `A dead letter` {
    private let directory = try! TemporaryDirectory()
    private var path: String { directory.path("sale.db") }

    @Test func `that claims a position which was never given has none, and stands in nobody's way`() throws {
        let store = try OrderStore(path: path)
        _ = try store.apply(TestEvents.sale, [TestEvents.create(), TestEvents.order(1)])
        func claim(_ position: Int) -> StreamEntry {
            TestEvents.entry("90-\(position)", [("v", "9"), ("position", "\(position)"), ("quantity", "1")])
        }
        store.noteGiven(2, of: TestEvents.sale)
        let applied = try store.apply(TestEvents.sale, [claim(2), claim(3), claim(5000)])
        #expect(applied.persistedPosition == 2)
        #expect(try store.account(of: TestEvents.sale)?.rejectedOrders == [.init(position: 2, quantity: 1)])
    }

    @Test func `is kept whole, counted each time it fails, and known once it has been moved`() throws {
        let store = try OrderStore(path: path, worker: "w1")
        let poison = StreamEntry(id: "9-0", fields: [[0xFF, 0x00], [0x0D, 0x0A]])
        #expect(try store.apply(TestEvents.sale, [TestEvents.create(), poison]).outcomes[1].reason == .malformed)
        #expect(try store.apply(TestEvents.sale, [poison]).outcomes[0].reason == .malformed)
        try store.markMoved(TestEvents.sale, ["9-0"])
        #expect(try store.apply(TestEvents.sale, [poison]).outcomes == [.alreadyRejected])
        let row = try SQLiteShell.run(path, "SELECT hex(fields), stage, attempts, worker FROM dead_letters")
        #expect(row == ["2A320D0A24320D0AFF000D0A24320D0A0D0A0D0A|decode|3|w1"])
    }
}
