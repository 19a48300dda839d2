package import Shared

/// The system of record, opened by the one process that writes it (`StoreLock`).
///
/// Whatever is applied twice changes nothing the second time, and whatever contradicts what is stored is rejected by
/// itself: its neighbours are stored.
package final class OrderStore {
    let database: Database
    /// Who writes, for the dead letters.
    let worker: String
    /// What is known of the sales that were worked on, as of the last commit or the transaction that is open.
    var known: [SaleID: KnownSale] = [:]
    /// Tells this owner of the file from those before it (`tryAlone`).
    let life = Crypto.randomHex(8)
    /// By sale: the last position that Redis has given. Whatever claims a later one is somebody's invention.
    private var given: [SaleID: Int] = [:]
    /// What the open transaction has sold, by the second.
    var soldSeconds: [Int: (orders: Int, units: Int)] = [:]

    /// Opens the database for writing; makes it, or brings its schema up to date, where that is due. Holds `lock`, which is the
    /// database's, until it is closed.
    package init(path: String, lock: StoreLock? = nil, worker: String = "salectl") throws(StoreError) {
        self.worker = worker
        database = try Database(path, .write, lock: lock)
        try Schema.refuseForeign(database)
        // WAL with FULL syncs the log after each commit: what is committed survives a power cut (sqlite.org/pragma.html).
        // 16 MiB of cache hold the inner pages of a million orders' indexes.
        try database.execute(
            """
            PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
            PRAGMA cache_size = -16384; PRAGMA wal_autocheckpoint = 4000
            """)
        try Schema.migrate(database)
    }

    /// What a batch came to.
    package struct Applied: Sendable {
        /// One for each entry, in order.
        package var outcomes: [Outcome] = []
        /// Every position of the sale up to this one is stored, or accounted for as a dead letter.
        package var persistedPosition = 0
    }

    /// Notes how far Redis has given positions, read after the entries that are applied next. Without it, any is believed.
    package func noteGiven(_ position: Int, of sale: SaleID) { given[sale] = position }

    func isGiven(_ position: Int, of sale: SaleID) -> Bool { position <= given[sale] ?? .max }

    /// Stores entries of one sale's stream, in the order of the stream, in one transaction; when this returns, they are
    /// on the disk. It is all or nothing: where it throws, nothing has changed.
    ///
    /// - Parameters:
    ///   - isolated: whether an entry that the database can't take is rejected by itself; otherwise it fails them all. It costs a
    ///     savepoint an entry, so it is for the second try.
    ///   - beforeCommit: runs when everything has been written and nothing is committed.
    package func apply(
        _ sale: SaleID, _ entries: [StreamEntry], isolated: Bool = false, beforeCommit: ([Outcome]) -> Void = { _ in }
    ) throws(StoreError) -> Applied {
        try transaction { () throws(StoreError) in
            var applied = Applied()
            let last = StreamID(try lastStreamID(sale) ?? "")
            for entry in entries {
                if StreamID(entry.id) <= last, let outcome = try finalOutcome(sale, entry.id) {
                    applied.outcomes.append(outcome)
                } else {
                    applied.outcomes.append(isolated ? try applyIsolated(sale, entry) : try apply(sale, entry))
                }
            }
            applied.persistedPosition = try conclude(sale, last: entries.last?.id)
            beforeCommit(applied.outcomes)
            return applied
        }
    }

    /// Notes how far the sale has come, at the end of a transaction; answers its persisted position.
    func conclude(_ sale: SaleID, last: String?) throws(StoreError) -> Int {
        let position = try persistedPosition(sale)
        if let last {
            try database.run(
                "UPDATE sales SET persisted_position = ?2, last_stream_id = ?3 WHERE sale = ?1",
                [.text("\(sale)"), .integer(position), .text(try progress(sale, to: last))])
        }
        try storeSoldSeconds(sale)
        return position
    }

    /// Runs `body` in one transaction; where it throws, what was noted meanwhile is forgotten with it.
    func transaction<R>(_ body: () throws(StoreError) -> R) throws(StoreError) -> R {
        do throws(StoreError) {
            return try database.transaction(body)
        } catch {
            known = [:]
            soldSeconds = [:]
            throw error
        }
    }

    func apply(_ sale: SaleID, _ entry: StreamEntry) throws(StoreError) -> Outcome {
        let event: OrderEvent
        do throws(OrderEvent.Malformed) {
            event = try entry.event(of: sale)
        } catch {
            return try reject(
                sale, entry, .malformed, .decode, error.message, entry.number("position"), entry.number("quantity"))
        }
        return try store(event, of: sale, entry)
    }

    /// The id to go on after: an entry that is delivered again does not set it back.
    private func progress(_ sale: SaleID, to id: String) throws(StoreError) -> String {
        let last = try lastStreamID(sale) ?? ""
        return StreamID(last) < StreamID(id) ? id : last
    }

    /// The stored persisted position, carried on as far as it goes.
    func persistedPosition(_ sale: SaleID) throws(StoreError) -> Int {
        var position = 0
        try database.query("SELECT persisted_position FROM sales WHERE sale = ?", [.text("\(sale)")]) {
            position = $0.integer(0)
        }
        while try isAccountedFor(sale, position + 1) { position += 1 }
        return position
    }

    func isAccountedFor(_ sale: SaleID, _ position: Int) throws(StoreError) -> Bool {
        var found = false
        try database.query(
            """
            SELECT 1 WHERE EXISTS (SELECT 1 FROM orders WHERE sale = ?1 AND position = ?2)
                OR EXISTS (SELECT 1 FROM dead_letters WHERE sale = ?1 AND position = ?2)
                OR EXISTS (SELECT 1 FROM losses WHERE sale = ?1 AND ?2 BETWEEN first_position AND last_position)
            """, [.text("\(sale)"), .integer(position)]
        ) { _ in found = true }
        return found
    }

    private func storeSoldSeconds(_ sale: SaleID) throws(StoreError) {
        for (second, sold) in soldSeconds {
            try database.run(
                """
                INSERT INTO sold_per_second (sale, second, orders, units) VALUES (?, ?, ?, ?)
                ON CONFLICT DO UPDATE SET orders = orders + excluded.orders, units = units + excluded.units
                """, [.text("\(sale)"), .integer(second), .integer(sold.orders), .integer(sold.units)])
        }
        soldSeconds.removeAll(keepingCapacity: true)
    }
}

extension OrderStore {
    /// What is stored of one sale; nil where there is nothing.
    package func account(of sale: SaleID) throws(StoreError) -> StoredSale? { try database.account(of: sale) }

    /// All sales that are stored and not archived, by name.
    package func sales() throws(StoreError) -> [SaleID] { try database.sales() }

    /// How far everything is stored, or accounted for, as of the last commit; nil where the sale is not stored.
    package func storedPosition(_ sale: SaleID) throws(StoreError) -> Int? {
        var position: Int?
        try database.query("SELECT persisted_position FROM sales WHERE sale = ?", [.text("\(sale)")]) {
            position = $0.integer(0)
        }
        return position
    }

    /// The last entry of a sale's stream that has been taken in; nil where the sale is not stored.
    package func lastStreamID(_ sale: SaleID) throws(StoreError) -> String? {
        var last: String?
        try database.query("SELECT last_stream_id FROM sales WHERE sale = ?", [.text("\(sale)")]) { last = $0.text(0) }
        return last
    }
}
