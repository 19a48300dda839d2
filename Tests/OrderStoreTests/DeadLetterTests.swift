import OrderStore
import Shared
import TestSupport
import Testing

@Suite struct `A dead letter that is decided about` {
    private let directory = try! TemporaryDirectory()
    private var path: String { directory.path("sale.db") }
    private let sale = TestEvents.sale

    private func shell(_ sql: String) throws -> [String] { try SQLiteShell.run(path, sql) }

    /// A store whose order 2 SQLite would not take, and that would take it now.
    private func storeWithLetter() throws -> OrderStore {
        let store = try OrderStore(path: path)
        _ = try store.apply(sale, [TestEvents.create(), TestEvents.order(1)])
        _ = try shell(
            "CREATE TRIGGER refuse BEFORE INSERT ON orders WHEN NEW.position = 2 BEGIN SELECT zeroblob(2000000000); END"
        )
        _ = try store.apply(sale, [TestEvents.order(2), TestEvents.order(3)], isolated: true)
        _ = try shell("DROP TRIGGER refuse")
        return store
    }

    @Test func `is stored with its own id and fields when it is redriven, and is none any more`() throws {
        let store = try storeWithLetter()
        #expect(try store.account(of: sale)?.rejectedOrders == [.init(position: 2, quantity: 1)])
        let (results, persisted) = try store.redrive(sale, ["3-0", "99-0"], reason: "mended", rehearsing: false)
        #expect(results == [.init(id: "3-0", outcome: .applied), .init(id: "99-0", outcome: .unknown)])
        #expect(persisted == 3)
        let account = try #require(try store.account(of: sale))
        #expect(account.orders.map(\.buyer) == ["buyer-1", "buyer-2", "buyer-3"])
        #expect(account.rejectedOrders.isEmpty)
        #expect(account.lastStreamID == StreamID("4-0"))
        #expect(try shell("SELECT stream_id FROM orders WHERE position = 2") == ["3-0"])
        #expect(
            try shell("SELECT action, subject, reason, outcome FROM audit LIMIT 1") == ["redrive|3-0|mended|applied"])
        let again = try store.redrive(sale, ["3-0"], reason: "mended", rehearsing: false).results[0]
        #expect(again.outcome == .skipped)
        #expect(again.resolution == .redriven)
        #expect(again.message.hasPrefix("was redriven at 20"))
        #expect(again.isStored)
    }

    @Test func `is on the audit before it is tried, where the try may be the end of whoever makes it`() throws {
        let store = try storeWithLetter()
        _ = try shell("UPDATE dead_letters SET reason = 'crashes_worker'; ALTER TABLE ledger RENAME TO away")
        #expect(throws: StoreError.self) { _ = try store.redrive(sale, ["3-0"], reason: "r", rehearsing: false) }
        #expect(try shell("SELECT subject, reason, outcome FROM audit") == ["3-0|r|begun"], "all else was taken back")
        _ = try shell("ALTER TABLE away RENAME TO ledger")
        _ = try store.redrive(sale, ["3-0"], reason: "r", rehearsing: false)
        #expect(try shell("SELECT outcome FROM audit") == ["begun", "begun", "applied"])
    }

    @Test func `says that it was there already where the stream brought it again`() throws {
        let store = try storeWithLetter()
        _ = try store.apply(sale, [TestEvents.order(2)])
        let results = try store.redrive(sale, ["3-0"], reason: "r", rehearsing: false).results
        #expect(results == [.init(id: "3-0", outcome: .alreadyThere)])
    }

    @Test func `stays open when it fails again, which is counted and on the audit`() throws {
        let store = try OrderStore(path: path)
        let rubbish = TestEvents.entry("9-0", [("rubbish", "1")])
        _ = try store.apply(sale, [TestEvents.create(), rubbish])
        let result = try store.redrive(sale, ["9-0"], reason: "r", rehearsing: false).results[0]
        #expect(result == .init(id: "9-0", outcome: .failedAgain, message: "field v is missing"))
        let row = try shell("SELECT attempts, resolution IS NULL FROM dead_letters")
        #expect(row == ["2|1"])
        #expect(try shell("SELECT outcome FROM audit") == ["failed_again: field v is missing"])
    }

    @Test func `is left as it is by a rehearsal, which says the same`() throws {
        let store = try storeWithLetter()
        let before = try shell(".dump")
        let redriven = try store.redrive(sale, ["3-0"], reason: "r", rehearsing: true).results
        #expect(redriven == [.init(id: "3-0", outcome: .applied)])
        let discarded = try store.discard(sale, ["3-0"], reason: "r", given: 3, rehearsing: true)
        #expect(discarded == [.init(id: "3-0", outcome: .discarded, message: "position 2 is void")])
        #expect(try shell(".dump") == before)
        // The ledger's chain in memory has been forgotten, too.
        _ = try store.redrive(sale, ["3-0"], reason: "r", rehearsing: false)
        #expect(try shell("SELECT max(seq), count(*) FROM ledger") == ["4|4"])
    }

    @Test func `is void for ever when it is discarded, on the ledger, and stays sold`() throws {
        let store = try storeWithLetter()
        let results = try store.discard(sale, ["3-0"], reason: "a test order", given: 3, rehearsing: false)
        #expect(results == [.init(id: "3-0", outcome: .discarded, message: "position 2 is void")])
        #expect(try shell("SELECT position, quantity, stream_id, reason FROM voids") == ["2|1|3-0|a test order"])
        #expect(
            try shell("SELECT entry FROM ledger ORDER BY seq DESC LIMIT 1")[0].contains(#""kind":"void","position":2,"#)
        )
        #expect(try store.account(of: sale)?.rejectedOrders == [.init(position: 2, quantity: 1)])
        // Whoever brings it again, by the stream or under another id.
        #expect(try store.apply(sale, [TestEvents.order(2)]).outcomes.count == 1)
        #expect(try store.apply(sale, [TestEvents.order(2, id: "88-0")]).outcomes.map(\.reason) == [.contradiction])
        #expect(try store.account(of: sale)?.orders.map(\.id.position) == [1, 3])
        #expect(try store.account(of: sale)?.rejectedOrders == [.init(position: 2, quantity: 1)], "it was sold once")
        let redriven = try store.redrive(sale, ["3-0"], reason: "r", rehearsing: false).results[0]
        #expect(redriven.outcome == .skipped)
        #expect(!redriven.isStored)
        #expect(
            try shell("SELECT resolution, reason FROM dead_letters WHERE stream_id = '3-0'") == ["discarded|unstorable"]
        )
    }

    @Test func `does not make the order void that it contradicts`() throws {
        let store = try OrderStore(path: path)
        _ = try store.apply(
            sale, [TestEvents.create(), TestEvents.order(1), TestEvents.order(1, buyer: "an-impostor", id: "9-0")])
        #expect(try store.account(of: sale)?.rejectedOrders == [], "it has no unit of its own")
        let results = try store.discard(sale, ["9-0"], reason: "r", given: 1, rehearsing: false)
        #expect(results == [.init(id: "9-0", outcome: .discarded)])
        #expect(try shell("SELECT count(*) FROM voids") == ["0"])
        #expect(try store.account(of: sale)?.orders.map(\.buyer) == ["buyer-1"])
    }

    @Test func `takes no position that has not been given yet`() throws {
        let store = try OrderStore(path: path)
        let rubbish = TestEvents.entry("9-0", [("v", "9"), ("position", "2"), ("quantity", "1")])
        _ = try store.apply(sale, [TestEvents.create(), TestEvents.order(1), rubbish])
        _ = try store.discard(sale, ["9-0"], reason: "r", given: 1, rehearsing: false)
        #expect(try store.apply(sale, [TestEvents.order(2, id: "10-0")]).outcomes == [.stored])
    }

    @Test func `is shown whole, and in the order of the stream`() throws {
        let store = try OrderStore(path: path, worker: "w1")
        let fields: [[UInt8]] = [[0xFF, 0x00], [0x0D, 0x0A], [0x76]]
        _ = try store.apply(
            sale, [TestEvents.create(), StreamEntry(id: "10-0", fields: fields), StreamEntry(id: "9-0", fields: nil)])
        let reader = try StoreReader(path: path)
        #expect(try reader.deadLetters(of: sale).map(\.streamID) == ["9-0", "10-0"])
        #expect(try reader.deadLetters(of: nil).count == 2)
        let letter = try #require(try reader.deadLetter(sale, "10-0"))
        #expect(letter.fields == fields)
        #expect(letter.reason == "malformed")
        #expect(letter.stage == "decode")
        #expect(letter.worker == "w1")
        #expect(letter.release == Release.version)
        #expect(letter.movedAt == nil)
        #expect(try reader.deadLetter(sale, "9-0")?.fields == nil)
    }
}
