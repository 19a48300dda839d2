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

    @Test func `records events in the order of commit, and buyers by pseudonym`() throws {
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

    @Test func `continues after its last entry when the file is opened again, and each hash covers the one before`()
        throws
    {
        for position in 1...2 {
            let store = try OrderStore(path: path)
            _ = try store.apply(sale, [TestEvents.create(), TestEvents.order(position)])
        }
        var chain = LedgerChain()
        let hashes = try SQLiteShell.run(path, "SELECT lower(hex(hash)) FROM ledger ORDER BY seq")
        for (entry, hash) in zip(try entries(), hashes) {
            entry.withBytes { chain.extend(by: $0) }
            #expect(chain.hash.span.hex == hash)
        }
        #expect(chain.seq == 3)
    }

    @Test func `records nothing of a failed transaction`() throws {
        let store = try OrderStore(path: path)
        _ = try store.apply(sale, [TestEvents.create(), TestEvents.order(1)])
        // A shell holds the write lock for longer than the store waits.
        let shell = try SQLiteLock(path)
        defer { shell.release() }
        #expect(throws: StoreError.self) { _ = try store.apply(sale, [TestEvents.order(2)]) }
        shell.release()
        #expect(try store.stored(sale)?.orders.count == 1)
        _ = try store.apply(sale, [TestEvents.order(3)])
        #expect(try entries().count == 3)
        #expect(try entries()[2].contains(#""position":3"#))
    }

    @Test func `records no change to what already holds`() throws {
        let store = try OrderStore(path: path)
        func set(_ id: String, _ field: String, _ value: String) -> StreamEntry {
            TestEvents.entry(id, [("v", "1"), ("kind", "set"), ("at_ms", "1"), ("epoch", "1"), (field, value)])
        }
        let unchanging = [
            set("20-0", "title", "A test"), set("21-0", "paused", "0"), TestEvents.create("22-0", epoch: 2),
        ]
        #expect(try store.apply(sale, [TestEvents.create()] + unchanging).outcomes.allSatisfy { $0 == .stored })
        #expect(try entries().count == 1)
        _ = try store.apply(sale, [set("23-0", "title", "Another"), TestEvents.create("24-0", epoch: 3)])
        let rest = #""opens_at_ms":0,"closes_at_ms":0,"paused":false}"#
        #expect(
            try Array(entries().dropFirst()) == [
                #"{"seq":2,"kind":"set","title":"Another","# + rest, #"{"seq":3,"kind":"set","title":"A test","# + rest,
            ])
        #expect(try store.stored(sale)?.record.title == "A test")
    }

    @Test func `records a restock once, and the stock changes with it`() throws {
        let store = try OrderStore(path: path)
        let restock = TestEvents.entry("50-0", [("v", "1"), ("kind", "restock"), ("units", "5"), ("at_ms", "7")])
        _ = try store.apply(sale, [TestEvents.create(stock: 1), TestEvents.order(1), restock])
        #expect(
            try store.apply(sale, [restock, TestEvents.create(stock: 1)]).outcomes == [.alreadyStored, .alreadyStored])
        #expect(try store.stored(sale)?.record.stockTotal == 6)
        #expect(try entries().last == #"{"seq":3,"kind":"restock","units":5,"at_ms":7}"#)
    }
}
