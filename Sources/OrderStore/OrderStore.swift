package import Shared

/// The system of record, opened by the one process that writes it (`StoreLock`).
///
/// Applying an entry twice changes nothing the second time. An entry that contradicts what is stored is rejected by
/// itself: its neighbours are stored.
package final class OrderStore {
    let database: Database
    /// Who writes, for the dead letters.
    let worker: String
    /// Tells this owner of the file from earlier ones (`tryAlone`).
    let life = Crypto.randomHex(8)
    /// By sale: the last position that Redis has given. An entry that claims a later one made it up.
    private var given: [SaleID: Int] = [:]

    /// Sales that were worked on, as of the last commit or the open transaction (`transaction`).
    var known: [SaleID: KnownSale] = [:]
    /// What the open transaction has sold, by the second in which it was won.
    var soldSeconds: [Int: (orders: Int, units: Int)] = [:]

    /// Opens the database for writing. Creates it, or brings its schema up to date, if need be. Holds `lock`, which
    /// must be the database's, until it is closed.
    package init(path: String, lock: StoreLock? = nil, worker: String = "salectl") throws(StoreError) {
        self.worker = worker
        database = try Database(path, .write, lock: lock)
        try Schema.refuseForeign(database)
        // WAL with FULL syncs the log after each commit: what is committed survives a power cut
        // (sqlite.org/pragma.html). 16 MiB of cache hold the inner pages of a million orders' indexes. secure_delete
        // from the first row on: splitting a page would otherwise leave copies of rows that no erasure finds later.
        try database.execute(
            """
            PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
            PRAGMA cache_size = -16384; PRAGMA wal_autocheckpoint = 4000; PRAGMA secure_delete = ON
            """)
        try Schema.migrate(database)
    }

    /// The result of applying a batch.
    package struct Applied: Sendable {
        /// One for each entry, in order.
        package var outcomes: [Outcome] = []
        /// Every position of the sale up to this one is stored, or accounted for as a dead letter.
        package var persistedPosition = 0
    }

    /// The uuid of a stored sale; nil if there is none of this name.
    package func uuid(of sale: SaleID) throws(StoreError) -> String? {
        try database.first("SELECT uuid FROM sales WHERE sale = ?", [.sale(sale)]) { $0.text(0) }
    }

    /// Notes the last position that Redis has given, read after the entries that are applied next. Without it, or if
    /// Redis has lost it (nil), every position is believed.
    package func noteGiven(_ position: Int?, of sale: SaleID) { given[sale] = position }

    func isGiven(_ position: Int, of sale: SaleID) -> Bool { position <= given[sale] ?? .max }

    /// Stores entries of one sale's stream, in the order of the stream, in one transaction. When this returns, they are
    /// on the disk. It is all or nothing: if it throws, nothing has changed.
    ///
    /// - Parameters:
    ///   - isolated: whether an entry that the database can't take is rejected by itself; otherwise it fails the batch.
    ///     Isolation costs a savepoint for each entry, so it is for the second try.
    ///   - beforeCommit: called when everything has been written and nothing is committed.
    package func apply(
        _ sale: SaleID, _ entries: [StreamEntry], isolated: Bool = false,
        beforeCommit: ([Outcome]) -> Void = { _ in }
    ) throws(StoreError) -> Applied {
        try transaction { () throws(StoreError) in
            var applied = Applied()
            var last: StreamID?
            for entry in entries {
                // If the sale was not stored, it may be by now, and what follows be a dead letter from before that.
                if last == nil { last = try lastStreamID(sale) }
                if let last, StreamID(entry.id) <= last, let outcome = try finalOutcome(of: entry.id, sale) {
                    applied.outcomes.append(outcome)
                } else {
                    applied.outcomes.append(
                        isolated ? try applyIsolated(sale, entry) : try applyEntry(sale, entry))
                }
            }
            applied.persistedPosition = try conclude(sale, last: entries.last.map { StreamID($0.id) })
            beforeCommit(applied.outcomes)
            return applied
        }
    }

    /// Stores one entry within the open transaction.
    func applyEntry(_ sale: SaleID, _ entry: StreamEntry) throws(StoreError) -> Outcome {
        let event: OrderEvent
        do throws(OrderEvent.Malformed) {
            event = try entry.event(of: sale)
        } catch {
            return try reject(sale, entry, Rejection(.malformed, at: .decode, error.message), claim: entry.claim)
        }
        return try store(event, of: sale, entry)
    }

    /// Writes how far the sale has come, at the end of a transaction, and returns its persisted position.
    ///
    /// - Parameter last: the last entry that was taken in; nil if none was.
    func conclude(_ sale: SaleID, last: StreamID? = nil) throws(StoreError) -> Int {
        let position = try advancedPosition(sale)
        if let before = try lastStreamID(sale) {
            // An entry that is delivered again does not set the progress back.
            let latest = max(before, last ?? before)
            try database.run(
                "UPDATE sales SET persisted_position = ?2, last_stream_id = ?3 WHERE sale = ?1",
                [.sale(sale), .integer(position), .text("\(latest)")])
        }
        try storeSoldSeconds(sale)
        return position
    }

    /// The persisted position, advanced over every position after it that is accounted for.
    func advancedPosition(_ sale: SaleID) throws(StoreError) -> Int {
        var position = try persistedPosition(of: sale) ?? 0
        while let end = try accountedThrough(sale, position + 1) { position = end }
        return position
    }

    private func storeSoldSeconds(_ sale: SaleID) throws(StoreError) {
        for (second, sold) in soldSeconds {
            try database.run(
                """
                INSERT INTO sold_per_second (sale, second, orders, units) VALUES (?, ?, ?, ?)
                ON CONFLICT DO UPDATE SET orders = orders + excluded.orders, units = units + excluded.units
                """, [.sale(sale), .integer(second), .integer(sold.orders), .integer(sold.units)])
        }
        soldSeconds.removeAll(keepingCapacity: true)
    }
}

extension OrderStore {
    /// What is stored of one sale; nil if nothing is.
    package func stored(_ sale: SaleID) throws(StoreError) -> StoredSale? { try database.stored(sale) }

    /// What is stored of one sale except its orders, which may be many; nil if nothing is.
    package func storedWithoutOrders(_ sale: SaleID) throws(StoreError) -> StoredSale? {
        try database.stored(sale, withOrders: false)
    }

    /// All sales that are stored and not archived, by name.
    package func unarchivedSales() throws(StoreError) -> [SaleID] {
        try database.all("SELECT sale FROM sales WHERE archived_at_ms IS NULL ORDER BY sale") { $0.sale(0) }
    }

    /// All sales that are archived, by name.
    package func archivedSales() throws(StoreError) -> [SaleID] {
        try database.all("SELECT sale FROM sales WHERE archived_at_ms IS NOT NULL ORDER BY sale") { $0.sale(0) }
    }

    /// The position up to which everything is stored, or accounted for, as of the last commit; nil if the sale is not
    /// stored.
    package func persistedPosition(of sale: SaleID) throws(StoreError) -> Int? {
        try database.persistedPosition(of: sale)
    }

    /// The last entry of a sale's stream that was taken in; nil if none was. While its creation can't be stored, all
    /// are taken in as dead letters.
    package func lastTakenIn(_ sale: SaleID) throws(StoreError) -> StreamID? {
        if let last = try lastStreamID(sale) { return last }
        return try lastDeadLetter(of: sale)
    }

    func lastDeadLetter(of sale: SaleID) throws(StoreError) -> StreamID? {
        try database.all("SELECT stream_id FROM dead_letters WHERE sale = ?", [.sale(sale)]) { StreamID($0.text(0)) }
            .max()
    }

    /// The last entry of a stored sale's stream that was taken in; nil if the sale is not stored.
    package func lastStreamID(_ sale: SaleID) throws(StoreError) -> StreamID? {
        try database.first("SELECT last_stream_id FROM sales WHERE sale = ?", [.sale(sale)]) {
            StreamID($0.text(0))
        }
    }

    /// The last position that orders and dead letters claim without a gap, from the last order or from `least` on,
    /// whichever is higher.
    package func lastClaimed(of sale: SaleID, atLeast least: Int) throws(StoreError) -> Int {
        var last = max(least, try database.integer("SELECT max(position) FROM orders WHERE sale = ?", [.sale(sale)]))
        while last < Int.max, let end = try accountedThrough(sale, last + 1) { last = end }
        return last
    }

    /// Whether a position is stored as an order, recorded as a loss, or claimed by a dead letter.
    package func accountsFor(_ sale: SaleID, _ position: Int) throws(StoreError) -> Bool {
        try accountedThrough(sale, position) != nil
    }

    /// The last position of what accounts for a position; nil if nothing does. A loss has more than one, up to a
    /// billion (`Limits.stockMax`): they must not cost a query each.
    private func accountedThrough(_ sale: SaleID, _ position: Int) throws(StoreError) -> Int? {
        try database.first(
            """
            SELECT CASE
                WHEN EXISTS (SELECT 1 FROM orders WHERE sale = ?1 AND position = ?2)
                    OR EXISTS (SELECT 1 FROM dead_letters WHERE sale = ?1 AND position = ?2) THEN ?2
                ELSE (
                    SELECT max(last_position) FROM losses
                    WHERE sale = ?1 AND ?2 BETWEEN first_position AND last_position)
                END
            """, [.sale(sale), .integer(position)]
        ) { $0.optionalInteger(0) } ?? nil
    }
}
