import Foundation
import OrderStore
import Shared
import TestSupport
import Testing

@Suite struct `The order store` {
    private let directory = try! TemporaryDirectory()
    private var path: String { directory.path("sale.db") }
    private let sale = TestEvents.sale

    @Test func `stores a batch, and storing it again changes nothing`() throws {
        let store = try OrderStore(path: path)
        let batch = [TestEvents.create()] + (1...5).map { TestEvents.order($0) }
        let first = try store.apply(sale, batch)
        #expect(first.outcomes == Array(repeating: .stored, count: 6))
        #expect(first.persistedPosition == 5)
        let before = try store.stored(sale)
        let second = try store.apply(sale, batch)
        #expect(second.outcomes == Array(repeating: .alreadyStored, count: 6))
        #expect(try store.stored(sale) == before)
        #expect(before?.sold == 5)
    }

    @Test func `has what was applied when the file is opened again`() throws {
        do {
            let store = try OrderStore(path: path)
            _ = try store.apply(sale, [TestEvents.create(), TestEvents.order(1, quantity: 3)])
        }
        let reader = try StoreReader(path: path)
        let stored = try #require(try reader.stored(sale))
        #expect(stored.record.uuid == "uuid-1")
        #expect(stored.sold == 3)
        #expect(stored.orders.map(\.buyer) == ["buyer-1"])
    }

    @Test func `the order of arrival does not matter, and persisted_position waits for the gap`() throws {
        let store = try OrderStore(path: path)
        _ = try store.apply(sale, [TestEvents.create()])
        #expect(try store.apply(sale, [TestEvents.order(1), TestEvents.order(3)]).persistedPosition == 1)
        #expect(try store.apply(sale, [TestEvents.order(2)]).persistedPosition == 3)
    }

    @Test(arguments: [
        TestEvents.order(1, buyer: "somebody-else", id: "9-0"), TestEvents.order(1, key: "other", id: "9-0"),
        TestEvents.order(1, quantity: 2, id: "9-0"), TestEvents.order(2, buyer: "buyer-1", id: "9-0"),
    ])
    func `an order that contradicts a stored one is rejected, and its neighbours are stored`(
        _ entry: StreamEntry
    ) throws {
        let store = try OrderStore(path: path)
        _ = try store.apply(sale, [TestEvents.create(), TestEvents.order(1)])
        let applied = try store.apply(sale, [TestEvents.order(3), entry, TestEvents.order(4)])
        #expect(applied.outcomes.map(\.reason) == [nil, .contradiction, nil])
        let stored = try #require(try store.stored(sale))
        #expect(stored.orders.map(\.id.position) == [1, 3, 4])
        #expect(stored.sold == 3)
    }

    @Test func `no order is stored beyond the stock, whatever Redis says`() throws {
        let store = try OrderStore(path: path)
        _ = try store.apply(sale, [TestEvents.create(stock: 3), TestEvents.order(1, quantity: 2)])
        let applied = try store.apply(sale, [TestEvents.order(2, quantity: 2), TestEvents.order(3)])
        #expect(applied.outcomes.map(\.reason) == [.contradiction, nil])
        #expect(applied.outcomes.map(\.isOversell) == [true, false])
        #expect(try store.stored(sale)?.sold == 3)
        // The unit that could not be stored is accounted for as a dead letter.
        #expect(applied.persistedPosition == 3)
        #expect(try store.stored(sale)?.rejectedOrders.map { [$0.position, $0.quantity] } == [[2, 2]])
    }

    @Test func `only a refusal by the guard of the stock counts as a prevented oversell`() throws {
        let store = try OrderStore(path: path)
        let twice = TestEvents.entry("9-0", [("sold <= stock_total", "1"), ("sold <= stock_total", "2")])
        _ = try store.apply(sale, [TestEvents.create(), twice, TestEvents.order(1)])
        _ = try SQLiteShell.run(path, "INSERT INTO voids VALUES ('demo', 2, 1, '8-0', 'r', 1)")
        let outcomes = try store.apply(
            sale, [twice, TestEvents.order(1, buyer: "another", id: "10-0"), TestEvents.order(2, id: "11-0")]
        ).outcomes
        #expect(outcomes.map(\.reason) == [.malformed, .contradiction, .contradiction])
        #expect(outcomes.map(\.isOversell) == [false, false, false])
    }

    @Test func `an order whose trace was lost on the way is still the same order`() throws {
        let store = try OrderStore(path: path)
        _ = try store.apply(sale, [TestEvents.create(), TestEvents.order(1)])
        let words = (TestEvents.order(1).fields?.words ?? []).map {
            $0 == Array(String(repeating: "a", count: 32).utf8) ? Array(String(repeating: "0", count: 32).utf8) : $0
        }
        #expect(
            try store.apply(sale, [StreamEntry(id: "9-0", fields: StreamFields(words))]).outcomes == [.alreadyStored])
    }

    @Test func `an order that can't be understood is accounted for if its position can be read`() throws {
        let store = try OrderStore(path: path)
        let poison = TestEvents.entry("3-0", [("v", "1"), ("kind", "refund"), ("position", "2"), ("quantity", "1")])
        let applied = try store.apply(sale, [TestEvents.create(), TestEvents.order(1), poison, TestEvents.order(3)])
        #expect(applied.persistedPosition == 3)
        #expect(try store.stored(sale)?.rejectedOrders == [.init(position: 2, quantity: 1)])
    }

    @Test func `an entry that is delivered again does not set the progress back`() throws {
        let store = try OrderStore(path: path)
        _ = try store.apply(
            sale, [TestEvents.create(), TestEvents.order(1, id: "20-0"), TestEvents.order(2, id: "100-0")])
        _ = try store.apply(sale, [TestEvents.order(1, id: "20-0")])
        #expect(try store.lastStreamID(sale) == StreamID("100-0"))
    }

    @Test func `another sale of the same name is a contradiction`() throws {
        let store = try OrderStore(path: path)
        let applied = try store.apply(sale, [TestEvents.create(), TestEvents.create("2-0", uuid: "uuid-2")])
        #expect(applied.outcomes.map(\.reason) == [nil, .contradiction])
        #expect(try store.stored(sale)?.record.uuid == "uuid-1")
    }

    @Test func `an order of a sale that is not stored is rejected as such`() throws {
        let store = try OrderStore(path: path)
        #expect(try store.apply(sale, [TestEvents.order(1)]).outcomes.map(\.reason) == [.unknownSale])
        #expect(try store.stored(sale) == nil)
    }

    @Test(arguments: [
        TestEvents.entry("9-0", [("rubbish", "1")]), TestEvents.entry("9-0", [("v", "2"), ("kind", "order")]),
        TestEvents.entry("9-0", [("v", "1"), ("kind", "refund")]), StreamEntry(id: "9-0", fields: nil),
        StreamEntry(id: "9-0", fields: []), StreamEntry(id: "9-0", fields: [[0x76]]),
        StreamEntry(id: "9-0", fields: [[0xFF, 0xFE], [0x00]]),
    ])
    func `an entry that can't be understood is rejected by itself`(_ entry: StreamEntry) throws {
        let store = try OrderStore(path: path)
        let applied = try store.apply(sale, [TestEvents.create(), TestEvents.order(1), entry, TestEvents.order(2)])
        #expect(applied.outcomes.map(\.reason) == [nil, nil, .malformed, nil])
        #expect(applied.persistedPosition == 2)
    }

    @Test func `keeps the latest times and pause of a sale, whatever order they arrive in`() throws {
        let store = try OrderStore(path: path)
        func set(_ id: String, closesAt: Int, paused: Bool) -> StreamEntry {
            TestEvents.entry(
                id,
                [
                    ("v", "1"), ("kind", "set"), ("opens_at", "0"), ("closes_at", "\(closesAt)"),
                    ("paused", paused ? "1" : "0"), ("at_ms", "1"), ("epoch", "1"),
                ])
        }
        _ = try store.apply(sale, [TestEvents.create(), set("20-1", closesAt: 900, paused: true)])
        for again in [set("9-7", closesAt: 0, paused: false), set("20-1", closesAt: 900, paused: true)] {
            #expect(try store.apply(sale, [again]).outcomes == [.alreadyStored])
        }
        let settings = try store.stored(sale)?.record.settings
        #expect(settings == SaleSettings(opensAt: nil, closesAt: UnixMilliseconds(900), paused: true))
    }

    @Test func `a change leaves the other settings, and the ledger has them all`() throws {
        let store = try OrderStore(path: path)
        func set(_ id: String, _ fields: [(String, String)]) -> StreamEntry {
            TestEvents.entry(id, [("v", "1"), ("kind", "set"), ("at_ms", "1"), ("epoch", "1")] + fields)
        }
        let all = [("opens_at", "300"), ("closes_at", "900"), ("paused", "0"), ("admission", "5 0 2000")]
        _ = try store.apply(
            sale,
            [
                TestEvents.create(), set("20-1", all + [("turn_window_ms", "60000")]), set("20-2", [("paused", "1")]),
                set("20-3", [("title", "Another")]), set("20-4", [("closes_at", "0")]),
            ])
        let record = try #require(try store.stored(sale)?.record)
        let room = WaitingRoom(admission: "5 0 2000", turnWindow: 60_000)
        #expect(record.title == "Another")
        #expect(
            record.settings
                == SaleSettings(opensAt: UnixMilliseconds(300), closesAt: nil, paused: true, waitingRoom: room))
        // Paused already: nothing changes.
        #expect(try store.apply(sale, [set("20-5", [("paused", "1")])]).outcomes == [.stored])
        let ledger = try SQLiteShell.run(path, "SELECT entry FROM ledger WHERE seq > 2 ORDER BY seq")
        let paused = #""paused":true,"admission":"5 0 2000","turn_window_ms":60000}"#
        #expect(
            ledger == [
                #"{"seq":3,"kind":"set","opens_at_ms":300,"closes_at_ms":900,"# + paused,
                #"{"seq":4,"kind":"set","title":"Another","opens_at_ms":300,"closes_at_ms":900,"# + paused,
                #"{"seq":5,"kind":"set","opens_at_ms":300,"closes_at_ms":0,"# + paused,
            ])
    }

    @Test func `accounts for a loss, and gives each epoch once`() throws {
        let store = try OrderStore(path: path)
        _ = try store.apply(sale, [TestEvents.create(), TestEvents.order(1)])
        try store.record(.init(positions: 2...4, units: 5, isReleased: false), of: sale)
        #expect(try store.apply(sale, [TestEvents.order(5)]).persistedPosition == 5)
        #expect(try store.stored(sale)?.withheld == 5)
        #expect(try StoreReader(path: path).overviews().map(\.withheld) == [5])
        #expect(try store.beginEpoch(sale, above: 1) == 2)
        #expect(try store.beginEpoch(sale, above: 7) == 8)
        #expect(try store.beginEpoch(sale, above: 0) == 9)
    }

    @Test func `withholds for a loss what neither its orders that come back nor their dead letters have`() throws {
        let store = try OrderStore(path: path)
        _ = try store.apply(sale, [TestEvents.create(), TestEvents.order(1)])
        try store.record(.init(positions: 2...4, units: 5, isReleased: false), of: sale)
        func withheld() throws -> [Int?] {
            let overviews = try StoreReader(path: path).overviews().map(\.withheld)
            return overviews + [try store.stored(sale)?.withheld, try store.storedWithoutOrders(sale)?.withheld]
        }
        let again = TestEvents.order(3, quantity: 2)
        #expect(try store.apply(sale, [again, TestEvents.order(5)]).outcomes == [.stored, .stored])
        #expect(try withheld() == [3, 3, 3])
        // Its buyer has bought another one meanwhile.
        let outcomes = try store.apply(sale, [TestEvents.order(4, buyer: "buyer-5", id: "8-0")]).outcomes
        #expect(outcomes.map(\.reason) == [.contradiction])
        #expect(try withheld() == [2, 2, 2])
        #expect(try StoreReader(path: path).omissions(of: sale, after: 2, through: 5).lost == 0)
        #expect(try store.apply(sale, [TestEvents.order(2, quantity: 4, id: "9-0")]).outcomes == [.stored])
        #expect(try withheld() == [0, 0, 0])
    }

    @Test func `keeps the units of a loss that was released before its orders came back`() throws {
        let store = try OrderStore(path: path)
        _ = try store.apply(sale, [TestEvents.create(), TestEvents.order(1)])
        try store.record(.init(positions: 2...4, units: 3, isReleased: false), of: sale)
        _ = try store.apply(sale, [TestEvents.release("8-0", units: 3, at: 9), TestEvents.order(3)])
        #expect(try store.stored(sale)?.losses == [.init(positions: 2...4, units: 3, isReleased: true)])
    }

    @Test func `releases of a loss only what has not come back before`() throws {
        let store = try OrderStore(path: path)
        _ = try store.apply(sale, [TestEvents.create(), TestEvents.order(1)])
        try store.record(.init(positions: 2...4, units: 3, isReleased: false), of: sale)
        try store.record(.init(positions: 5...5, units: 1, isReleased: false), of: sale)
        // The buyer of position 4 has bought another one meanwhile.
        let rejected = TestEvents.order(4, buyer: "buyer-6", id: "8-0")
        _ = try store.apply(sale, [TestEvents.order(3), TestEvents.order(5), TestEvents.order(6), rejected])
        let released = [(2...4, 1), (5...5, 0)].map { StoredSale.Loss(positions: $0, units: $1, isReleased: true) }
        for event in [TestEvents.release("9-0", units: 1, at: 9), TestEvents.order(2, id: "10-0")] {
            #expect(try store.apply(sale, [event]).outcomes == [.stored])
            #expect(try store.stored(sale)?.losses == released)
        }
    }

    @Test func `counts each position once that is lost, void or a dead letter`() throws {
        let store = try OrderStore(path: path)
        _ = try store.apply(sale, [TestEvents.create(), TestEvents.order(1)])
        try store.record(.init(positions: 2...6, units: 5, isReleased: false), of: sale)
        // The buyers of positions 3 and 4 have bought another one meanwhile.
        let rejected = [3, 4].map { TestEvents.order($0, buyer: "buyer-\($0 + 4)", id: "\($0 + 20)-0") }
        _ = try store.apply(sale, [2, 7, 8].map { TestEvents.order($0) } + rejected)
        _ = try store.discard(sale, ["24-0"], reason: "r", given: 8, rehearsing: false)
        var expected = Omissions()
        (expected.open, expected.voided, expected.lost) = ([3], 1, 2)
        let reader = try StoreReader(path: path)
        #expect(try reader.omissions(of: sale, after: 0, through: 8) == expected)
        expected.lost = 1
        #expect(try reader.omissions(of: sale, after: 0, through: 5) == expected)
    }

    @Test func `accounts for a loss of any length at once`() throws {
        let store = try OrderStore(path: path)
        _ = try store.apply(sale, [TestEvents.create(), TestEvents.order(1)])
        try store.record(.init(positions: 2...1_000_000_000, units: 5, isReleased: false), of: sale)
        #expect(try store.persistedPosition(of: sale) == 1_000_000_000)
        #expect(try store.lastClaimed(of: sale, atLeast: 1) == 1_000_000_000)
        #expect(try store.accountsFor(sale, 500_000_000))
        #expect(try !store.accountsFor(sale, 1_000_000_001))
        #expect(try store.apply(sale, [TestEvents.order(1_000_000_001)]).persistedPosition == 1_000_000_001)
    }

    @Test func `a release covers the losses that were recorded before it, whatever the clocks say`() throws {
        let store = try OrderStore(path: path)
        _ = try store.apply(sale, [TestEvents.create(), TestEvents.order(1, id: "50-0")])
        try store.record(.init(positions: 2...4, units: 5, isReleased: false), of: sale)
        // A release that was on the stream before and comes again; its clock was ahead.
        let earlier = TestEvents.release("49-7", units: 1, at: 9_000_000_000_000)
        #expect(try store.apply(sale, [earlier]).outcomes == [.alreadyStored])
        #expect(try store.stored(sale)?.withheld == 5)
        // A release from a Redis whose clock was behind.
        // It comes late: meanwhile others are lost, too.
        let release = TestEvents.release("50-1", units: 5, at: 1)
        _ = try store.apply(sale, [TestEvents.order(5, id: "60-0")])
        try store.record(.init(positions: 6...7, units: 2, isReleased: false), of: sale)
        #expect(try store.apply(sale, [release]).outcomes == [.stored])
        #expect(try store.stored(sale)?.withheld == 2)
        #expect(try StoreReader(path: path).overviews().map(\.withheld) == [2])
        #expect(try store.apply(sale, [release]).outcomes == [.alreadyStored])
        // The last entry before a loss is such a release, and comes again.
        let last = TestEvents.release("60-1", units: 2, at: 1)
        #expect(try store.apply(sale, [last]).outcomes == [.stored])
        try store.record(.init(positions: 8...8, units: 1, isReleased: false), of: sale)
        #expect(try store.apply(sale, [last]).outcomes == [.alreadyStored])
        #expect(try store.stored(sale)?.withheld == 1)
    }
}

@Suite struct `The database file` {
    private let directory = try! TemporaryDirectory()
    private var path: String { directory.path("sale.db") }

    @Test func `syncs each commit to a write-ahead log`() throws {
        _ = try OrderStore(path: path)
        let result = try SQLiteShell.run(path, "PRAGMA journal_mode; PRAGMA application_id; PRAGMA user_version")
        #expect(result == ["wal", "1396788293", "2"])
    }

    @Test func `of an earlier release is brought up to date, and its losses are released as they were`() throws {
        do {
            let store = try OrderStore(path: path)
            _ = try store.apply(TestEvents.sale, [TestEvents.create(), TestEvents.order(1)])
            try store.record(.init(positions: 2...4, units: 5, isReleased: false), of: TestEvents.sale)
        }
        _ = try SQLiteShell.run(path, "ALTER TABLE losses DROP COLUMN recorded_after; PRAGMA user_version = 1")
        let store = try OrderStore(path: path)
        #expect(try SQLiteShell.run(path, "PRAGMA user_version") == ["2"])
        let now = UnixMilliseconds.now.value
        func release(at: Int) throws -> [Outcome] {
            try store.apply(TestEvents.sale, [TestEvents.release("\(at)-0", units: 5, at: at)]).outcomes
        }
        #expect(try release(at: now - 60_000) == [.alreadyStored])
        #expect(try release(at: now + 60_000) == [.stored])
        #expect(try store.stored(TestEvents.sale)?.withheld == 0)
    }

    @Test func `of a newer release is refused, and left as it is`() throws {
        _ = try OrderStore(path: path)
        _ = try SQLiteShell.run(path, "PRAGMA user_version = 99")
        #expect {
            _ = try OrderStore(path: path)
        } throws: {
            "\($0)".contains("version 99") && "\($0)".contains("newer release")
        }
        #expect(try SQLiteShell.run(path, "PRAGMA user_version") == ["99"])
    }

    @Test func `of another program is refused`() throws {
        _ = try SQLiteShell.run(path, "CREATE TABLE theirs (x)")
        #expect { _ = try OrderStore(path: path) } throws: { "\($0)".contains("not a database of this system") }
        #expect(try SQLiteShell.run(path, "SELECT name FROM sqlite_schema") == ["theirs"])
        #expect(try SQLiteShell.run(path, "PRAGMA journal_mode") == ["delete"])
    }

    @Test func `that is not a database is refused`() throws {
        try String(repeating: "not a database ", count: 100).write(toFile: path, atomically: true, encoding: .utf8)
        #expect(throws: StoreError.self) { _ = try OrderStore(path: path) }
    }

    /// A program that another test is just starting has a copy of the lock's descriptor until it is executed.
    private func canBeLocked() throws -> Bool { try eventually { try StoreLock.take(for: path) != nil } }

    @Test func `can be locked once, and again after the lock is released`() throws {
        var first = try StoreLock.take(for: path)
        #expect(first != nil)
        #expect(try StoreLock.take(for: path) == nil)
        first = nil
        #expect(try canBeLocked())
    }

    @Test func `is locked by no file that a link leads to`() throws {
        #expect(symlink("\(path).elsewhere", "\(path).lock") == 0)
        #expect(throws: FileError.self) { try StoreLock.take(for: path) }
        #expect(!FileManager.default.fileExists(atPath: "\(path).elsewhere"))
    }

    @Test func `stays locked until it is closed, even if its lock is released before`() throws {
        var lock = try StoreLock.take(for: path)
        var store: OrderStore? = try OrderStore(path: path, lock: lock)
        lock = nil
        #expect(lock == nil && store != nil)
        #expect(try StoreLock.take(for: path) == nil)
        store = nil
        #expect(try canBeLocked())
    }

    @Test func `holds the guard of the stock in its own schema`() throws {
        let store = try OrderStore(path: path)
        _ = try store.apply(TestEvents.sale, [TestEvents.create(stock: 2), TestEvents.order(1)])
        #expect(throws: SQLiteShell.Failed.self) { _ = try SQLiteShell.run(path, "UPDATE sales SET sold = 3") }
        #expect(throws: SQLiteShell.Failed.self) {
            _ = try SQLiteShell.run(
                path,
                """
                INSERT INTO orders SELECT sale, 2, 'demo-2', 'x', 2, 'k', trace, secured_at_ms, epoch, '9-0' FROM orders
                """)
        }
        #expect(try store.stored(TestEvents.sale)?.sold == 1)
    }
}
