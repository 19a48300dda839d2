import OrderStore
import Shared
import TestSupport
import Testing

@Suite struct `A dead letter` {
    private let directory = try! TemporaryDirectory()
    private var path: String { directory.path("sale.db") }

    @Test func `has no position if it claims one that was never given`() throws {
        let store = try OrderStore(path: path)
        _ = try store.apply(TestEvents.sale, [TestEvents.create(), TestEvents.order(1)])
        func claim(_ position: Int) -> StreamEntry {
            TestEvents.entry("90-\(position)", [("v", "9"), ("position", "\(position)"), ("quantity", "1")])
        }
        store.noteGiven(2, of: TestEvents.sale)
        let applied = try store.apply(TestEvents.sale, [claim(2), claim(3), claim(5000)])
        #expect(applied.persistedPosition == 2)
        #expect(try store.stored(TestEvents.sale)?.rejectedOrders == [.init(position: 2, quantity: 1)])
    }

    @Test func `is what an order becomes whose position was never given, and the real one is stored`() throws {
        let store = try OrderStore(path: path)
        store.noteGiven(1, of: TestEvents.sale)
        let made = TestEvents.order(2)
        let ghosts = try store.apply(TestEvents.sale, [TestEvents.create(), TestEvents.order(1), made])
        #expect(ghosts.outcomes[1] == .stored && ghosts.outcomes[2].reason == .contradiction)
        #expect(ghosts.persistedPosition == 1)
        // By the time that it is delivered again, somebody has been given that position.
        store.noteGiven(2, of: TestEvents.sale)
        let real = StreamEntry(id: "99-0", fields: made.fields)
        let again = try store.apply(TestEvents.sale, [made, real])
        #expect(again.outcomes[0].reason == .contradiction && again.outcomes[1] == .stored)
    }

    @Test func `is stored whole, counts its failures, and is known once it was moved`() throws {
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

@Suite struct `Resolving a dead letter` {
    private let directory = try! TemporaryDirectory()
    private var path: String { directory.path("sale.db") }
    private let sale = TestEvents.sale

    private func shell(_ sql: String) throws -> [String] { try SQLiteShell.run(path, sql) }

    /// A store that rejected order 2 and would take it now.
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

    @Test func `stores it with its own id and fields, and closes it`() throws {
        let store = try storeWithLetter()
        #expect(try store.stored(sale)?.rejectedOrders.map(\.order?.buyer) == ["buyer-2"])
        let (results, persisted) = try store.redrive(sale, ["3-0", "99-0"], reason: "fixed", rehearsing: false)
        #expect(results == [.init(id: "3-0", outcome: .applied), .init(id: "99-0", outcome: .unknown)])
        #expect(persisted == 3)
        let stored = try #require(try store.stored(sale))
        #expect(stored.orders.map(\.buyer) == ["buyer-1", "buyer-2", "buyer-3"])
        #expect(stored.rejectedOrders.isEmpty)
        #expect(stored.lastStreamID == StreamID("4-0"))
        #expect(try shell("SELECT stream_id FROM orders WHERE position = 2") == ["3-0"])
        #expect(
            try shell("SELECT action, subject, reason, outcome FROM audit LIMIT 1") == ["redrive|3-0|fixed|applied"])
        let again = try store.redrive(sale, ["3-0"], reason: "fixed", rehearsing: false).results[0]
        #expect(again.outcome == .skipped)
        #expect(again.resolution == .redriven)
        #expect(again.message.hasPrefix("was redriven at 20"))
        #expect(again.isStored)
    }

    @Test func `puts a try that may kill the process on the audit first`() throws {
        let store = try storeWithLetter()
        _ = try shell("UPDATE dead_letters SET reason = 'crashes_worker'; ALTER TABLE ledger RENAME TO away")
        #expect(throws: StoreError.self) { _ = try store.redrive(sale, ["3-0"], reason: "r", rehearsing: false) }
        #expect(
            try shell("SELECT subject, reason, outcome FROM audit") == ["3-0|r|begun"],
            "everything else was rolled back")
        _ = try shell("ALTER TABLE away RENAME TO ledger")
        _ = try store.redrive(sale, ["3-0"], reason: "r", rehearsing: false)
        #expect(try shell("SELECT outcome FROM audit") == ["begun", "begun", "applied"])
    }

    @Test func `reports an order that the stream has stored meanwhile`() throws {
        let store = try storeWithLetter()
        _ = try store.apply(sale, [TestEvents.order(2)])
        let results = try store.redrive(sale, ["3-0"], reason: "r", rehearsing: false).results
        #expect(results == [.init(id: "3-0", outcome: .alreadyThere)])
    }

    @Test func `leaves a change that later ones overtook open while no Redis tells whether they undid it`() throws {
        let store = try OrderStore(path: path)
        func set(_ id: String, _ field: String, _ value: String) -> StreamEntry {
            TestEvents.entry(id, [("v", "1"), ("kind", "set"), (field, value)])
        }
        _ = try store.apply(sale, [TestEvents.create()])
        _ = try shell(
            "CREATE TRIGGER refuse BEFORE UPDATE OF closes_at_ms ON sales BEGIN SELECT zeroblob(2000000000); END")
        _ = try store.apply(sale, [set("9-0", "closes_at", "900"), set("10-0", "paused", "0")], isolated: true)
        _ = try shell("DROP TRIGGER refuse")
        #expect(try store.apply(sale, [set("11-0", "title", "Another")]).outcomes == [.stored])
        let results = try store.redrive(sale, ["9-0", "10-0"], reason: "r", rehearsing: false).results
        #expect(results.map(\.outcome) == [.failedAgain, .alreadyThere])
        #expect(results[0].message.contains("Redis does not serve the sale now"))
        #expect(try store.stored(sale)?.record.settings.closesAt == nil)
        let open = try shell("SELECT stream_id, reason, attempts FROM dead_letters WHERE resolution IS NULL")
        #expect(open == ["9-0|unstorable|1"], "what passes is no reason to decide about it")
    }

    @Test func `leaves it open if it fails again, counted and on the audit`() throws {
        let store = try OrderStore(path: path)
        let rubbish = TestEvents.entry("9-0", [("rubbish", "1")])
        _ = try store.apply(sale, [TestEvents.create(), rubbish])
        let result = try store.redrive(sale, ["9-0"], reason: "r", rehearsing: false).results[0]
        #expect(result == .init(id: "9-0", outcome: .failedAgain, message: "field v is missing"))
        let row = try shell("SELECT attempts, resolution IS NULL FROM dead_letters")
        #expect(row == ["2|1"])
        #expect(try shell("SELECT outcome FROM audit") == ["failed_again: field v is missing"])
    }

    @Test func `changes nothing in a rehearsal, which returns the same results`() throws {
        let store = try storeWithLetter()
        let before = try shell(".dump")
        let redriven = try store.redrive(sale, ["3-0"], reason: "r", rehearsing: true).results
        #expect(redriven == [.init(id: "3-0", outcome: .applied)])
        let discarded = try store.discard(sale, ["3-0"], reason: "r", given: 3, rehearsing: true)
        #expect(discarded == [.init(id: "3-0", outcome: .discarded, message: "position 2 is void")])
        #expect(try shell(".dump") == before)
        // The ledger's chain in memory was forgotten, too.
        _ = try store.redrive(sale, ["3-0"], reason: "r", rehearsing: false)
        #expect(try shell("SELECT max(seq), count(*) FROM ledger") == ["4|4"])
    }

    @Test func `of two letters for one position, the open one is what its buyer was told`() throws {
        let store = try OrderStore(path: path)
        _ = try store.apply(sale, [TestEvents.create(), TestEvents.order(1)])
        _ = try shell("CREATE TRIGGER refuse BEFORE INSERT ON orders BEGIN SELECT zeroblob(2000000000); END")
        let letters = [TestEvents.order(2, buyer: "first"), TestEvents.order(2, buyer: "second", id: "88-0")]
        _ = try store.apply(sale, letters, isolated: true)
        #expect(try store.stored(sale)?.rejectedOrders.map(\.order?.buyer) == ["first"])
        _ = try store.discard(sale, ["3-0"], reason: "r", given: 2, rehearsing: false)
        #expect(try store.stored(sale)?.rejectedOrders.map(\.order?.buyer) == ["second"])
        let last = try store.discard(sale, ["88-0"], reason: "r", given: 2, rehearsing: false)
        #expect(last.map(\.message) == ["position 2 is void"])
    }

    @Test func `voids a discarded order permanently, on the ledger, and it stays sold`() throws {
        let store = try storeWithLetter()
        let results = try store.discard(sale, ["3-0"], reason: "a test order", given: 3, rehearsing: false)
        #expect(results == [.init(id: "3-0", outcome: .discarded, message: "position 2 is void")])
        #expect(try shell("SELECT position, quantity, stream_id, reason FROM voids") == ["2|1|3-0|a test order"])
        #expect(
            try shell("SELECT entry FROM ledger ORDER BY seq DESC LIMIT 1")[0].contains(#""kind":"void","position":2,"#)
        )
        #expect(try store.stored(sale)?.rejectedOrders == [.init(position: 2, quantity: 1)])
        // The stream brings it again, with the same id and with another one.
        #expect(try store.apply(sale, [TestEvents.order(2)]).outcomes.map(\.reason) == [.unstorable])
        #expect(try store.apply(sale, [TestEvents.order(2, id: "88-0")]).outcomes.map(\.reason) == [.contradiction])
        #expect(try store.stored(sale)?.orders.map(\.id.position) == [1, 3])
        #expect(try store.stored(sale)?.rejectedOrders == [.init(position: 2, quantity: 1)], "it was sold once")
        let redriven = try store.redrive(sale, ["3-0"], reason: "r", rehearsing: false).results[0]
        #expect(redriven.outcome == .skipped)
        #expect(!redriven.isStored)
        #expect(
            try shell("SELECT resolution, reason FROM dead_letters WHERE stream_id = '3-0'") == ["discarded|unstorable"]
        )
    }

    @Test func `does not void an order that the dead letter contradicts`() throws {
        let store = try OrderStore(path: path)
        _ = try store.apply(
            sale, [TestEvents.create(), TestEvents.order(1), TestEvents.order(1, buyer: "an-impostor", id: "9-0")])
        #expect(try store.stored(sale)?.rejectedOrders == [], "it has no unit of its own")
        let results = try store.discard(sale, ["9-0"], reason: "r", given: 1, rehearsing: false)
        #expect(results == [.init(id: "9-0", outcome: .discarded)])
        #expect(try shell("SELECT count(*) FROM voids") == ["0"])
        #expect(try store.stored(sale)?.orders.map(\.buyer) == ["buyer-1"])
    }

    @Test func `takes no position that was not given yet`() throws {
        let store = try OrderStore(path: path)
        let rubbish = TestEvents.entry("9-0", [("v", "9"), ("position", "2"), ("quantity", "1")])
        _ = try store.apply(sale, [TestEvents.create(), TestEvents.order(1), rubbish])
        _ = try store.discard(sale, ["9-0"], reason: "r", given: 1, rehearsing: false)
        #expect(try store.apply(sale, [TestEvents.order(2, id: "10-0")]).outcomes == [.stored])
    }

    /// A store with dead letters of two restocks, of one unit and of two, which it would take now.
    private func storeWithRestocks() throws -> (store: OrderStore, restocks: [StreamEntry]) {
        let restocks = [("9-0", 1), ("30-0", 2)].map { id, units in
            TestEvents.entry(id, [("v", "1"), ("kind", "restock"), ("units", "\(units)"), ("at_ms", "7")])
        }
        let store = try OrderStore(path: path)
        _ = try store.apply(sale, [TestEvents.create()])
        _ = try shell("CREATE TRIGGER refuse BEFORE INSERT ON restocks BEGIN SELECT zeroblob(2000000000); END")
        _ = try store.apply(sale, restocks, isolated: true)
        _ = try shell("DROP TRIGGER refuse")
        #expect(try store.stored(sale)?.undecidedRestock == 3)
        return (store, restocks)
    }

    @Test func `of a sale's creation makes no backlog of what came after it, which was taken in, too`() throws {
        let store = try OrderStore(path: path)
        _ = try shell("CREATE TRIGGER refuse BEFORE INSERT ON sales BEGIN SELECT zeroblob(2000000000); END")
        let orders = [TestEvents.order(1, id: "9-0"), TestEvents.order(2, id: "10-0")]
        let applied = try store.apply(sale, [TestEvents.create()] + orders, isolated: true)
        #expect(applied.outcomes.map(\.reason) == [.unstorable, .unknownSale, .unknownSale])
        _ = try shell("DROP TRIGGER refuse")
        let results = try store.redrive(sale, ["1-0", "9-0"], reason: "r", rehearsing: false).results
        #expect(results.map(\.outcome) == [.applied, .applied])
        #expect(try store.lastStreamID(sale) == StreamID("10-0"))
        // An event that was set aside, and is older than the last one, still changes the sale.
        let pause = TestEvents.entry("5-0", [("v", "1"), ("kind", "set"), ("paused", "1")])
        #expect(try store.apply(sale, [pause]).outcomes == [.stored])
        #expect(try store.stored(sale)?.record.settings.paused == true)
    }

    @Test(arguments: [true, false])
    func `discards it for good, also before its sale can be stored, and it is void from then on`(
        _ isRedriven: Bool
    ) throws {
        let store = try OrderStore(path: path)
        _ = try shell("CREATE TRIGGER refuse BEFORE INSERT ON sales BEGIN SELECT zeroblob(2000000000); END")
        let entries = [TestEvents.create(), TestEvents.order(1), TestEvents.order(2)]
        _ = try store.apply(sale, entries, isolated: true)
        try store.markMoved(sale, entries.map(\.id))
        _ = try store.discard(sale, ["3-0"], reason: "a test order", given: 2, rehearsing: false)
        _ = try shell("DROP TRIGGER refuse")
        if isRedriven {
            let results = try store.redrive(sale, ["1-0", "2-0", "3-0"], reason: "r", rehearsing: false).results
            #expect(results.map(\.outcome) == [.applied, .applied, .skipped])
        } else {
            // A group that is made anew reads the stream from its beginning.
            #expect(try store.apply(sale, entries).outcomes == [.stored, .stored, .alreadyRejected])
        }
        #expect(try store.stored(sale)?.orders.map(\.id.position) == [1])
        #expect(try shell("SELECT position, quantity, stream_id, reason FROM voids") == ["2|1|3-0|a test order"])
        let kinds = try shell("SELECT json_extract(entry, '$.kind') FROM ledger ORDER BY seq")
        #expect(kinds == ["create", "void", "order"])
        #expect(try store.persistedPosition(of: sale) == 2)
    }

    @Test func `makes nothing void in another sale of the name that is created later`() throws {
        let store = try OrderStore(path: path)
        _ = try store.apply(sale, [TestEvents.order(1, id: "2-0"), TestEvents.order(2, id: "3-0")])
        try store.markMoved(sale, ["2-0", "3-0"])
        _ = try store.discard(sale, ["2-0", "3-0"], reason: "no such sale", given: 0, rehearsing: false)
        let entries = [TestEvents.create("7-0"), TestEvents.order(1, id: "8-0")]
        #expect(try store.apply(sale, entries).outcomes == [.stored, .stored])
        #expect(try shell("SELECT count(*) FROM voids") == ["0"])
    }

    @Test func `is not needed for a restock that the stream brings again`() throws {
        let (store, restocks) = try storeWithRestocks()
        #expect(try store.apply(sale, [restocks[0]]).outcomes == [.stored])
        #expect(try shell("SELECT stream_id FROM dead_letters WHERE resolution = 'redriven'") == ["9-0"])
        #expect(try store.stored(sale)?.undecidedRestock == 2)
    }

    @Test func `is not needed for a restock that the total of a later epoch has, only for one after it`() throws {
        let (store, _) = try storeWithRestocks()
        #expect(try store.apply(sale, [TestEvents.create("20-0", stock: 11, epoch: 2)]).outcomes == [.stored])
        let stored = try #require(try store.stored(sale))
        #expect(stored.record.stockTotal == 11)
        #expect(stored.undecidedRestock == 2)
        #expect(try shell("SELECT json_extract(entry, '$.units') FROM ledger WHERE entry LIKE '%restock%'") == ["1"])
        #expect(try shell("SELECT stream_id FROM dead_letters WHERE resolution = 'redriven'") == ["9-0"])
    }

    @Test func `finds it whole, and in the order of the stream`() throws {
        let store = try OrderStore(path: path, worker: "w1")
        let fields: StreamFields = [[0xFF, 0x00], [0x0D, 0x0A], [0x76]]
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
