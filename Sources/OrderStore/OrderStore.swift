package import Shared

/// The system of record, opened by the one process that writes it (`StoreLock`).
///
/// Whatever is applied twice changes nothing the second time, and whatever contradicts what is stored is rejected by
/// itself: its neighbours are stored.
package final class OrderStore {
    private let database: Database
    private let insertSale: Statement
    private let insertOrder: Statement
    private let findSale: Statement
    private let findOrders: Statement
    private let insertDeadLetter: Statement
    private let isAccountedFor: Statement
    private let readPersisted: Statement
    private let updateProgress: Statement
    private let findLastID: Statement
    private let updateSettings: Statement
    private let findSettingsID: Statement
    private let releaseLosses: Statement

    /// Opens the database for writing; makes it, or brings its schema up to date, where that is due.
    package init(path: String) throws(StoreError) {
        database = try Database(path, .write)
        try Schema.refuseForeign(database)
        // WAL with FULL syncs the log after each commit: what is committed survives a power cut (sqlite.org/pragma.html).
        try database.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON")
        try Schema.migrate(database)
        insertSale = try Statement(
            database.handle,
            """
            INSERT INTO sales (sale, uuid, title, stock_total, max_per_buyer, opens_at_ms, closes_at_ms, pseudonym_key,
                epoch, created_at_ms, last_stream_id, settings_stream_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?11)
            """)
        insertOrder = try Statement(
            database.handle,
            """
            INSERT \(PlantedBug.overwriteOrders.isActive ? "OR REPLACE" : "") INTO orders (sale, position, order_id, buyer, quantity, key, trace, secured_at_ms, epoch, stream_id)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """)
        findSale = try Statement(
            database.handle, "SELECT uuid, title, stock_total, max_per_buyer FROM sales WHERE sale = ?")
        findOrders = try Statement(
            database.handle,
            """
            SELECT \(Order.columns) FROM orders
            WHERE sale = ?1 AND (position = ?2 OR (buyer = ?3 AND key = ?4)) ORDER BY position
            """)
        insertDeadLetter = try Statement(
            database.handle,
            """
            INSERT INTO dead_letters (sale, stream_id, reason, message, position, quantity, recorded_at_ms)
            VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
            """)
        isAccountedFor = try Statement(
            database.handle,
            """
            SELECT 1 WHERE EXISTS (SELECT 1 FROM orders WHERE sale = ?1 AND position = ?2)
                OR EXISTS (SELECT 1 FROM dead_letters WHERE sale = ?1 AND position = ?2)
                OR EXISTS (SELECT 1 FROM losses WHERE sale = ?1 AND ?2 BETWEEN first_position AND last_position)
            """)
        readPersisted = try Statement(database.handle, "SELECT persisted_position FROM sales WHERE sale = ?")
        updateProgress = try Statement(
            database.handle, "UPDATE sales SET persisted_position = ?2, last_stream_id = ?3 WHERE sale = ?1")
        findLastID = try Statement(database.handle, "SELECT last_stream_id FROM sales WHERE sale = ?")
        updateSettings = try Statement(
            database.handle,
            """
            UPDATE sales SET opens_at_ms = ?2, closes_at_ms = ?3, paused = ?4, settings_stream_id = ?5 WHERE sale = ?1
            """)
        findSettingsID = try Statement(database.handle, "SELECT settings_stream_id FROM sales WHERE sale = ?")
        releaseLosses = try Statement(
            database.handle,
            """
            UPDATE losses SET released_at_ms = ?2
            WHERE sale = ?1 AND released_at_ms IS NULL AND recorded_at_ms <= ?2
            """)
    }

    /// What a batch came to.
    package struct Applied: Sendable {
        /// One for each entry, in order.
        package var outcomes: [Outcome] = []
        /// Every position of the sale up to this one is stored, or accounted for as a dead letter.
        package var persistedPosition = 0
    }

    /// Stores entries of one sale's stream, in the order of the stream, in one transaction; when this returns, they are
    /// on the disk. It is all or nothing: where it throws, nothing has changed.
    ///
    /// - Parameter beforeCommit: runs when everything has been written and nothing is committed.
    package func apply(
        _ sale: SaleID, _ entries: [StreamEntry], beforeCommit: () -> Void = {}
    ) throws(StoreError) -> Applied {
        try database.transaction { () throws(StoreError) in
            var applied = Applied()
            for entry in entries { applied.outcomes.append(try apply(sale, entry)) }
            applied.persistedPosition = try persistedPosition(sale)
            if let last = entries.last {
                let id = try progress(sale, to: last.id)
                try updateProgress.run([.text("\(sale)"), .integer(applied.persistedPosition), .text(id)])
            }
            beforeCommit()
            return applied
        }
    }

    private func apply(_ sale: SaleID, _ entry: StreamEntry) throws(StoreError) -> Outcome {
        let event: OrderEvent
        do throws(OrderEvent.Malformed) {
            event = try entry.event(of: sale)
        } catch {
            return try reject(
                sale, entry, .malformed, error.message, entry.number("position"), entry.number("quantity"))
        }
        switch event {
        case .create(let record): return try store(record, entry)
        case .order(let order): return try store(order, entry)
        case .set(let settings): return try store(sale, settings, entry)
        case .release(_, let at):
            // Only what had been recorded by then: the event may come again, after another loss.
            try releaseLosses.run([.text("\(sale)"), .integer(at.value)])
            return .stored
        }
    }

    private func store(_ sale: SaleID, _ settings: SaleSettings, _ entry: StreamEntry) throws(StoreError) -> Outcome {
        var last: String?
        try findSettingsID.query([.text("\(sale)")]) { last = $0.text(0) }
        guard let last else {
            return try reject(sale, entry, .unknownSale, "no create event of this sale has been stored")
        }
        guard StreamID(last) < StreamID(entry.id) else { return .alreadyStored }
        try updateSettings.run([
            .text("\(sale)"), .optional(settings.opensAt?.value), .optional(settings.closesAt?.value),
            .integer(settings.paused ? 1 : 0), .text(entry.id),
        ])
        return .stored
    }

    private func store(_ record: SaleRecord, _ entry: StreamEntry) throws(StoreError) -> Outcome {
        var stored: [String] = []
        try findSale.query([.text("\(record.sale)")]) { row in
            stored = [row.text(0), row.text(1), row.text(2), row.text(3)]
        }
        if !stored.isEmpty {
            let same = stored == [record.uuid, record.title, "\(record.stockTotal)", "\(record.maxPerBuyer)"]
            if same { return .alreadyStored }
            return try reject(
                record.sale, entry, .contradiction, "another sale of this name is stored, with uuid \(stored[0])")
        }
        try insertSale.run([
            .text("\(record.sale)"), .text(record.uuid), .text(record.title), .integer(record.stockTotal),
            .integer(record.maxPerBuyer), .optional(record.settings.opensAt?.value),
            .optional(record.settings.closesAt?.value),
            .text(record.pseudonymKey), .integer(record.epoch), .integer(record.createdAt.value), .text(entry.id),
        ])
        return .stored
    }

    private func store(_ order: Order, _ entry: StreamEntry) throws(StoreError) -> Outcome {
        let sale = order.id.sale
        var known = false
        try findSale.query([.text("\(sale)")]) { _ in known = true }
        guard known else {
            return try reject(sale, entry, .unknownSale, "no create event of this sale has been stored", order)
        }
        var stored: [Order] = []
        try findOrders.query([
            .text("\(sale)"), .integer(order.id.position), .text(order.buyer), .text(order.key),
        ]) { stored.append(Order(sale: sale, $0)) }
        if PlantedBug.overwriteOrders.isActive { stored = [] }
        if stored.count == 1, stored[0].tellsTheSame(as: order) { return .alreadyStored }
        if let other = stored.first {
            let what = other.id == order.id ? "position \(order.id.position)" : "this buyer and key"
            return try reject(
                sale, entry, .contradiction, "\(what) is stored already as order \(other.id), with other content", order
            )
        }
        do throws(StoreError) {
            try insertOrder.run([
                .text("\(sale)"), .integer(order.id.position), .text("\(order.id)"), .text(order.buyer),
                .integer(order.quantity), .text(order.key), .text(order.trace), .integer(order.securedAt.value),
                .integer(order.epoch), .text(entry.id),
            ])
        } catch {
            // The CHECK of sales: the one that holds when everything before it has failed.
            guard error.isConstraint else { throw error }
            return try reject(sale, entry, .contradiction, "it would sell more than there is: \(error.message)", order)
        }
        return .stored
    }

    private func reject(
        _ sale: SaleID, _ entry: StreamEntry, _ reason: Rejection.Reason, _ message: String, _ order: Order
    ) throws(StoreError) -> Outcome {
        try reject(sale, entry, reason, message, order.id.position, order.quantity)
    }

    private func reject(
        _ sale: SaleID, _ entry: StreamEntry, _ reason: Rejection.Reason, _ message: String, _ position: Int? = nil,
        _ quantity: Int? = nil
    ) throws(StoreError) -> Outcome {
        try insertDeadLetter.run([
            .text("\(sale)"), .text(entry.id), .text(reason.rawValue), .text(message),
            .optional(position), .optional(quantity), .integer(UnixMilliseconds.now.value),
        ])
        return .rejected(Rejection(reason: reason, message: message))
    }

    /// The id to go on after: an entry that is delivered again does not set it back.
    private func progress(_ sale: SaleID, to id: String) throws(StoreError) -> String {
        var last = ""
        try findLastID.query([.text("\(sale)")]) { last = $0.text(0) }
        return StreamID(last) < StreamID(id) ? id : last
    }

    /// The stored persisted position, carried on as far as it goes.
    private func persistedPosition(_ sale: SaleID) throws(StoreError) -> Int {
        var position = 0
        try readPersisted.query([.text("\(sale)")]) { position = $0.integer(0) }
        while true {
            var accountedFor = false
            try isAccountedFor.query([.text("\(sale)"), .integer(position + 1)]) { _ in accountedFor = true }
            guard accountedFor else { return position }
            position += 1
        }
    }
}

extension OrderStore {
    /// What is stored of one sale; nil where there is nothing.
    package func account(of sale: SaleID) throws(StoreError) -> StoredSale? { try database.account(of: sale) }

    /// All sales that are stored, by name.
    package func sales() throws(StoreError) -> [SaleID] { try database.sales() }
}

extension Order {
    /// Whether both are one order. The trace is not part of it: an order that is put onto the stream again, because only the
    /// buyers hash still had it, has lost its own.
    fileprivate func tellsTheSame(as other: Order) -> Bool {
        var same = other
        same.trace = trace
        return self == same
    }
}

extension OrderStore {
    /// The last entry of a sale's stream that has been taken in; nil where the sale is not stored.
    package func lastStreamID(_ sale: SaleID) throws(StoreError) -> String? {
        var last: String?
        try findLastID.query([.text("\(sale)")]) { last = $0.text(0) }
        return last
    }

    /// Marks that the sale's state in Redis is about to be rebuilt: answers the new epoch, higher than any before.
    package func beginEpoch(_ sale: SaleID, above other: Int) throws(StoreError) -> Int {
        try database.transaction { () throws(StoreError) in
            let raise = try Statement(
                database.handle, "UPDATE sales SET epoch = max(epoch, ?2) + 1 WHERE sale = ?1 RETURNING epoch")
            var epoch = 0
            try raise.query([.text("\(sale)"), .integer(other)]) { epoch = $0.integer(0) }
            return epoch
        }
    }

    /// Records positions that buyers were told of and that neither store has.
    package func record(_ loss: StoredSale.Loss, of sale: SaleID) throws(StoreError) {
        try database.transaction { () throws(StoreError) in
            let insert = try Statement(
                database.handle,
                """
                INSERT INTO losses (sale, first_position, last_position, units, recorded_at_ms) VALUES (?, ?, ?, ?, ?)
                """)
            try insert.run([
                .text("\(sale)"), .integer(loss.positions.lowerBound), .integer(loss.positions.upperBound),
                .integer(loss.units), .integer(UnixMilliseconds.now.value),
            ])
        }
    }
}
