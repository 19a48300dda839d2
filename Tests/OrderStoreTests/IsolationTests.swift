import OrderStore
import Shared
import TestSupport
import Testing

@Suite struct `Entries that are stored in isolation` {
    private let directory = try! TemporaryDirectory()
    private var path: String { directory.path("sale.db") }
    private let sale = TestEvents.sale

    private func shell(_ sql: String) throws -> [String] { try SQLiteShell.run(path, sql) }

    @Test func `leave out the one that the database can't take, and the ledger has the others`() throws {
        let store = try OrderStore(path: path)
        _ = try store.apply(sale, [TestEvents.create(stock: 10_000)])
        _ = try shell(
            """
            CREATE TRIGGER refuse AFTER INSERT ON ledger WHEN NEW.entry LIKE '%"position":5000,%' BEGIN
                SELECT zeroblob(2000000000);
            END
            """)
        let batch = (1...10_000).map { TestEvents.order($0) }
        // The order is written before the ledger refuses, and is undone too.
        #expect { _ = try store.apply(sale, batch) } throws: { ($0 as? StoreError)?.concernsRow == true }
        #expect(try store.stored(sale)?.orders.isEmpty == true)
        let applied = try store.apply(sale, batch, isolated: true)
        #expect(applied.outcomes.filter { $0 == .stored }.count == 9999)
        #expect(applied.outcomes[4999].reason == .unstorable)
        #expect(applied.persistedPosition == 10_000)
        #expect(try store.stored(sale)?.sold == 9999)
        #expect(try shell("SELECT sum(orders), sum(units) FROM sold_per_second") == ["9999|9999"])
        #expect(try shell("SELECT count(*), max(seq) FROM ledger") == ["10000|10000"])
        #expect(try shell("SELECT stage, length(fields) > 100 FROM dead_letters") == ["apply|1"])
        // The chain continues from what is stored.
        _ = try shell("DROP TRIGGER refuse")
        #expect(try store.apply(sale, [batch[4999]]).outcomes == [.stored])
        #expect(try shell("SELECT max(seq) FROM ledger") == ["10001"])
    }

    @Test func `are contradictions if they would leave less than is sold`() throws {
        let store = try OrderStore(path: path)
        _ = try store.apply(sale, [TestEvents.create(stock: 3), TestEvents.order(1, quantity: 3)])
        let less = TestEvents.entry("50-0", [("v", "1"), ("kind", "restock"), ("units", "-1"), ("at_ms", "7")])
        #expect(try store.apply(sale, [less]).outcomes.map(\.reason) == [.contradiction])
        #expect(try store.apply(sale, [less], isolated: true).outcomes.map(\.reason) == [.contradiction])
        #expect(try store.stored(sale)?.record.stockTotal == 3)
        #expect(try shell("SELECT count(*) FROM restocks") == ["0"])
        #expect(try shell("SELECT count(*) FROM ledger") == ["2"])
    }
}

@Suite struct `An entry that is tried by itself` {
    private let directory = try! TemporaryDirectory()
    private var path: String { directory.path("sale.db") }
    private let sale = TestEvents.sale

    private func marks() throws -> [String] { try SQLiteShell.run(path, "SELECT stream_id FROM trials") }

    @Test func `leaves no mark when it is stored`() throws {
        let store = try OrderStore(path: path)
        _ = try store.apply(sale, [TestEvents.create()])
        #expect(try store.tryAlone(sale, TestEvents.order(1), deliveries: 5).outcomes == [.stored])
        #expect(try marks().isEmpty)
    }

    @Test func `becomes a dead letter permanently if the worker before died of it`() throws {
        do {
            let store = try OrderStore(path: path)
            _ = try store.apply(sale, [TestEvents.create()])
            var marked: [String] = []
            _ = try store.tryAlone(sale, TestEvents.order(1), deliveries: 5) { _ in
                marked = (try? marks()) ?? []
            }
            #expect(marked == ["2-0"])
            // As a worker leaves it that dies at that point.
            _ = try SQLiteShell.run(
                path,
                """
                DELETE FROM orders; UPDATE sales SET last_stream_id = '1-0';
                INSERT INTO trials VALUES ('demo', '2-0', 'an earlier one', 1)
                """)
        }
        for _ in 0..<2 {
            let store = try OrderStore(path: path)
            let applied = try store.tryAlone(sale, TestEvents.order(1), deliveries: 6)
            #expect(applied.outcomes.map(\.reason) == [.crashesWorker])
            #expect(applied.persistedPosition == 1)
            #expect(try store.lastStreamID(sale) == StreamID("2-0"))
            #expect(try store.apply(sale, [TestEvents.order(1)]).outcomes.map(\.reason) == [.crashesWorker])
        }
    }

    @Test func `is not suspected by the next worker if this one failed and survived`() throws {
        do {
            let store = try OrderStore(path: path)
            _ = try store.apply(sale, [TestEvents.create()])
            _ = try SQLiteShell.run(path, "ALTER TABLE ledger RENAME TO away")
            #expect(throws: StoreError.self) { _ = try store.tryAlone(sale, TestEvents.order(1), deliveries: 5) }
            #expect(try marks().isEmpty)
            _ = try SQLiteShell.run(path, "ALTER TABLE away RENAME TO ledger")
        }
        let store = try OrderStore(path: path)
        #expect(try store.tryAlone(sale, TestEvents.order(1), deliveries: 6).outcomes == [.stored])
    }

    @Test func `is not suspected of deaths because one worker can't store it, nor delete the mark`() throws {
        let store = try OrderStore(path: path)
        _ = try store.apply(sale, [TestEvents.create()])
        _ = try SQLiteShell.run(
            path,
            """
            CREATE TRIGGER keep BEFORE DELETE ON trials BEGIN SELECT RAISE(ABORT, 'no'); END;
            ALTER TABLE ledger RENAME TO away
            """)
        for _ in 0..<3 {
            #expect(throws: StoreError.self) { _ = try store.tryAlone(sale, TestEvents.order(1), deliveries: 5) }
        }
        #expect(try marks() == ["2-0"])
        _ = try SQLiteShell.run(path, "DROP TRIGGER keep; ALTER TABLE away RENAME TO ledger")
        #expect(try store.tryAlone(sale, TestEvents.order(1), deliveries: 5).outcomes == [.stored])
    }
}
