import Shared

/// How each kind of event is stored.
extension OrderStore {
    func store(_ event: OrderEvent, of sale: SaleID, _ entry: StreamEntry) throws(StoreError) -> Outcome {
        if case .create(let record) = event { return try storeSale(record, entry) }
        guard try knownSale(sale) != nil else {
            var claim: Claim?
            if case .order(let order) = event { claim = order.claim }
            return try reject(
                sale, entry, Rejection(.unknownSale, "no create event of this sale has been stored"), claim: claim)
        }
        switch event {
        case .create: preconditionFailure("a create event is stored above")
        case .order(let order): return try storeOrder(order, entry)
        case .set(let change): return try storeSettings(change, of: sale, entry)
        case .restock(let units, let at): return try storeRestock(units, at, of: sale, entry)
        case .release(let units, let at): return try storeRelease(units, at, of: sale, entry)
        case .archive(let at): return try storeArchive(at, of: sale)
        }
    }

    private func storeSale(_ record: SaleRecord, _ entry: StreamEntry) throws(StoreError) -> Outcome {
        let stored = try database.first(
            "SELECT uuid, epoch, stock_total FROM sales WHERE sale = ?", [.sale(record.sale)]
        ) { (uuid: $0.text(0), epoch: $0.integer(1), total: $0.integer(2)) }
        if let stored {
            guard stored.uuid == record.uuid else {
                return try reject(
                    record.sale, entry,
                    Rejection(.contradiction, "another sale of this name is stored, with uuid \(stored.uuid)"))
            }
            // What it was created with may have been changed since.
            guard record.epoch > stored.epoch else { return .alreadyStored }
            return try storeLaterEpoch(record, entry, total: stored.total)
        }
        // What the stream brought before this could be stored was taken in, too: as dead letters (unknown_sale).
        let created = StreamID(entry.id)
        let last = max(created, try lastDeadLetter(of: record.sale) ?? created)
        try database.run(
            """
            INSERT INTO sales (sale, uuid, title, stock_total, max_per_buyer, opens_at_ms, closes_at_ms, pseudonym_key,
                epoch, created_at_ms, last_stream_id, settings_stream_id, admission, turn_window_ms)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                .sale(record.sale), .text(record.uuid), .text(record.title), .integer(record.stockTotal),
                .integer(record.maxPerBuyer), .optional(record.settings.opensAt), .optional(record.settings.closesAt),
                .text(record.pseudonymKey), .integer(record.epoch), .time(record.createdAt), .text("\(last)"),
                .text(entry.id), .optional(record.settings.waitingRoom?.schedule.text),
                .optional(record.settings.waitingRoom?.turnWindowMilliseconds),
            ])
        try extendLedger(of: record.sale, with: .create(record))
        try voidDiscarded(record.sale, after: created)
        return .stored
    }

    /// Stores the first event of a stream that was begun again (repair.lua) under an epoch unknown to this database,
    /// which is therefore an older copy. The changes in between are on no stream; the event holds their result.
    private func storeLaterEpoch(
        _ record: SaleRecord, _ entry: StreamEntry, total: Int
    ) throws(StoreError) -> Outcome {
        let changed = try database.run(
            """
            UPDATE sales SET epoch = ?2, stock_total = ?3 WHERE sale = ?1 AND sold <= ?3
            """, [.sale(record.sale), .integer(record.epoch), .integer(record.stockTotal)])
        guard changed == 1 else {
            return try reject(record.sale, entry, Rejection(.contradiction, "it leaves less than is sold"))
        }
        // Whatever has become of earlier restocks, this total has it.
        for restock in try database.undecidedRestocks(of: record.sale)
        where StreamID(restock.streamID) < StreamID(entry.id) {
            try database.run(
                "INSERT INTO restocks (sale, stream_id, units, at_ms) VALUES (?, ?, ?, ?)",
                [.sale(record.sale), .text(restock.streamID), .integer(restock.units), .time(restock.at)])
            try resolve(record.sale, restock.streamID, .redriven)
        }
        if record.stockTotal != total {
            let units = record.stockTotal - total
            try extendLedger(of: record.sale, with: .restock(units: units, at: record.createdAt))
        }
        let settings = record.settings
        let change = SettingsChange(
            title: record.title, opensAt: .some(settings.opensAt), closesAt: .some(settings.closesAt),
            paused: settings.paused, waitingRoom: settings.waitingRoom)
        return try storeSettings(change, of: record.sale, entry)
    }

    private func storeOrder(_ order: Order, _ entry: StreamEntry) throws(StoreError) -> Outcome {
        let sale = order.id.sale
        guard isGiven(order.id.position, of: sale) else {
            // Stored, it would take the place of the order that will get this position.
            return try reject(
                sale, entry, Rejection(.contradiction, "Redis has not given position \(order.id.position)"),
                claim: order.claim)
        }
        if PlantedBug.overwriteOrders.isActive {
            try database.run(
                "DELETE FROM orders WHERE sale = ? AND position = ?", [.sale(sale), .integer(order.id.position)])
        }
        let inserted: Int
        do throws(StoreError) {
            inserted = try database.run(
                """
                INSERT INTO orders (sale, position, order_id, buyer, quantity, key, trace, secured_at_ms, epoch,
                    stream_id)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
                """,
                [
                    .sale(sale), .integer(order.id.position), .text("\(order.id)"), .text(order.buyer),
                    .integer(order.quantity), .text(order.key), .text(order.trace), .time(order.securedAt),
                    .integer(order.epoch), .text(entry.id),
                ])
        } catch {
            // Either the CHECK of sales, the last guard of the stock, or the trigger against discarded orders. The
            // CHECKs of orders hold for everything that could be read as one.
            guard error.isConstraint else { throw error }
            return try reject(
                sale, entry, Rejection(refusal: error, isOversell: error.isCheck), claim: order.claim)
        }
        if inserted == 1 {
            let second = order.securedAt.value / 1000
            soldSeconds[second, default: (0, 0)].orders += 1
            soldSeconds[second, default: (0, 0)].units += order.quantity
            try extendLedger(of: sale, with: .order(order))
            return .stored
        }
        guard let other = try conflict(with: order) else { return .alreadyStored }
        let what = other == order.id ? "position \(order.id.position)" : "this buyer and key"
        return try reject(
            sale, entry,
            Rejection(.contradiction, "\(what) is stored already as order \(other), with other content"),
            claim: order.claim)
    }

    /// The stored order that contradicts `order`; nil if the same order is stored.
    private func conflict(with order: Order) throws(StoreError) -> OrderID? {
        // Two look-ups: a table without rowids has no index for an OR, and would be read whole.
        let stored = try database.orders(
            of: order.id.sale,
            """
            position IN (SELECT ?2 UNION SELECT position FROM orders WHERE sale = ?1 AND buyer = ?3 AND key = ?4)
            ORDER BY position
            """, [.integer(order.id.position), .text(order.buyer), .text(order.key)])
        if stored.count == 1, stored[0].isSame(as: order) { return nil }
        return stored.first?.id
    }

    private func storeSettings(
        _ change: SettingsChange, of sale: SaleID, _ entry: StreamEntry
    ) throws(StoreError) -> Outcome {
        let last = try database.first("SELECT settings_stream_id FROM sales WHERE sale = ?", [.sale(sale)]) {
            StreamID($0.text(0))
        }
        guard let last, last < StreamID(entry.id) else { return .alreadyStored }
        return try write(change, of: sale, last: entry.id)
    }

    /// Stores a change that was a dead letter when a later one was stored. An event says only what it changes, but not
    /// which of that the later ones have changed again. Redis knows: there all of them were made in turn.
    ///
    /// - Parameter live: the sale on the Redis that serves it; nil if none does.
    func storeOvertaken(
        _ change: SettingsChange, of sale: SaleID, _ entry: StreamEntry, live: SaleStatus?
    ) throws(StoreError) -> Outcome {
        guard let stored = try database.storedRecord(of: sale)?.record,
            !change.holds(title: stored.title, stored.settings)
        else { return .alreadyStored }
        let overtaken = "a later change is stored, and Redis"
        guard let live else {
            // That passes, and says nothing about the entry: its dead letter stays as it is.
            return .rejected(Rejection(.contradiction, "\(overtaken) does not serve the sale now: redrive it later"))
        }
        guard change.holds(title: live.title, live.settings) else {
            return try reject(
                sale, entry,
                Rejection(.contradiction, "\(overtaken) is not as this one says: make it again, or discard it"))
        }
        return try write(change, of: sale, last: nil)
    }

    /// - Parameter last: the entry, if it is the last one that has changed the settings.
    private func write(_ change: SettingsChange, of sale: SaleID, last: String?) throws(StoreError) -> Outcome {
        guard let stored = try database.storedRecord(of: sale)?.record else { return .alreadyStored }
        var settings = stored.settings
        settings.apply(change)
        let newTitle = change.title == stored.title ? nil : change.title
        try database.run(
            """
            UPDATE sales SET opens_at_ms = ?2, closes_at_ms = ?3, paused = ?4,
                settings_stream_id = coalesce(?5, settings_stream_id), title = coalesce(?6, title), admission = ?7,
                turn_window_ms = ?8 WHERE sale = ?1
            """,
            [
                .sale(sale), .optional(settings.opensAt), .optional(settings.closesAt),
                .integer(settings.paused ? 1 : 0), .optional(last), .optional(newTitle),
                .optional(settings.waitingRoom?.schedule.text), .optional(settings.waitingRoom?.turnWindowMilliseconds),
            ])
        // An event may name what holds already: each entry that contradicts the rows pauses the sale once more.
        if settings != stored.settings || newTitle != nil {
            try extendLedger(of: sale, with: .set(settings, title: newTitle))
        }
        return .stored
    }

    private func storeRestock(
        _ units: Int, _ at: UnixMilliseconds, of sale: SaleID, _ entry: StreamEntry
    ) throws(StoreError) -> Outcome {
        let inserted = try database.run(
            "INSERT INTO restocks (sale, stream_id, units, at_ms) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            [.sale(sale), .text(entry.id), .integer(units), .time(at)])
        guard inserted == 1 else { return .alreadyStored }
        let changed = try database.run(
            "UPDATE sales SET stock_total = stock_total + ?2 WHERE sale = ?1 AND stock_total + ?2 >= sold",
            [.sale(sale), .integer(units)])
        guard changed == 1 else {
            try database.run(
                "DELETE FROM restocks WHERE sale = ? AND stream_id = ?", [.sale(sale), .text(entry.id)])
            return try reject(sale, entry, Rejection(.contradiction, "it leaves less than is sold"))
        }
        try extendLedger(of: sale, with: .restock(units: units, at: at))
        try resolve(sale, entry.id, .redriven)
        return .stored
    }

    private func storeRelease(
        _ units: Int, _ at: UnixMilliseconds, of sale: SaleID, _ entry: StreamEntry
    ) throws(StoreError) -> Outcome {
        // Only losses recorded before this event: it may come again, after another loss.
        let due = try database.all(
            "SELECT first_position, recorded_after FROM losses WHERE sale = ? AND released_at_ms IS NULL",
            [.sale(sale)]
        ) { (position: $0.integer(0), recordedAfter: StreamID($0.text(1))) }
        .filter { $0.recordedAfter < StreamID(entry.id) }.map(\.position)
        guard !due.isEmpty else { return .alreadyStored }
        // What has come back of a loss was sold all along: only the rest is released.
        for loss in try database.stored(sale, withOrders: false)?.losses ?? []
        where due.contains(loss.positions.lowerBound) {
            try database.run(
                "UPDATE losses SET released_at_ms = ?3, units = ?4 WHERE sale = ?1 AND first_position = ?2",
                [.sale(sale), .integer(loss.positions.lowerBound), .time(at), .integer(loss.units)])
        }
        try extendLedger(of: sale, with: .release(units: units, at: at))
        return .stored
    }

    private func storeArchive(_ at: UnixMilliseconds, of sale: SaleID) throws(StoreError) -> Outcome {
        let marked = try database.run(
            "UPDATE sales SET archived_at_ms = ?2 WHERE sale = ?1 AND archived_at_ms IS NULL",
            [.sale(sale), .time(at)])
        guard marked == 1 else { return .alreadyStored }
        try extendLedger(of: sale, with: .archive(at: at))
        return .stored
    }
}
