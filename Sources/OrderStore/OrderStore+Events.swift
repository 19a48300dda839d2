import Shared

/// How each kind of event is stored.
extension OrderStore {
    func store(_ event: OrderEvent, of sale: SaleID, _ entry: StreamEntry) throws(StoreError) -> Outcome {
        if case .create(let record) = event { return try store(record, entry) }
        guard try knownSale(sale) != nil else {
            var order: Order?
            if case .order(let one) = event { order = one }
            return try reject(
                sale, entry, .unknownSale, .apply, "no create event of this sale has been stored", order?.id.position,
                order?.quantity)
        }
        switch event {
        case .create: preconditionFailure("has been stored above")
        case .order(let order): return try store(order, entry)
        case .set(let settings): return try store(sale, settings, entry)
        case .restock(let units, let at): return try store(sale, units, at, entry)
        case .archive(let at):
            let marked = try database.run(
                "UPDATE sales SET archived_at_ms = ?2 WHERE sale = ?1 AND archived_at_ms IS NULL",
                [.text("\(sale)"), .integer(at.value)])
            guard marked == 1 else { return .alreadyStored }
            try extendLedger(of: sale, with: .archive(at: at))
            return .stored
        case .release(let units, let at): return try release(sale, units, at, entry)
        }
    }

    private func store(_ record: SaleRecord, _ entry: StreamEntry) throws(StoreError) -> Outcome {
        var stored: (uuid: String, epoch: Int, total: Int)?
        try database.query("SELECT uuid, epoch, stock_total FROM sales WHERE sale = ?", [.text("\(record.sale)")]) {
            stored = ($0.text(0), $0.integer(1), $0.integer(2))
        }
        if let stored {
            guard stored.uuid == record.uuid else {
                return try reject(
                    record.sale, entry, .contradiction, .apply,
                    "another sale of this name is stored, with uuid \(stored.uuid)")
            }
            // What it was created with may have been changed since.
            guard record.epoch > stored.epoch else { return .alreadyStored }
            return try storeAgain(record, entry, total: stored.total)
        }
        try database.run(
            """
            INSERT INTO sales (sale, uuid, title, stock_total, max_per_buyer, opens_at_ms, closes_at_ms, pseudonym_key,
                epoch, created_at_ms, last_stream_id, settings_stream_id, admission, turn_window_ms)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?11, ?11, ?12, ?13)
            """,
            [
                .text("\(record.sale)"), .text(record.uuid), .text(record.title), .integer(record.stockTotal),
                .integer(record.maxPerBuyer), .optional(record.settings.opensAt?.value),
                .optional(record.settings.closesAt?.value), .text(record.pseudonymKey), .integer(record.epoch),
                .integer(record.createdAt.value), .text(entry.id),
                .optional(record.settings.waitingRoom?.schedule.text),
                .optional(record.settings.waitingRoom?.turnWindowMilliseconds),
            ])
        try extendLedger(of: record.sale, with: .create(record))
        return .stored
    }

    /// The first event of a stream that began anew (repair.lua), under an epoch of which this database does not know: it is an
    /// older copy. The changes in between are on no stream; what they came to is in the event.
    private func storeAgain(_ record: SaleRecord, _ entry: StreamEntry, total: Int) throws(StoreError) -> Outcome {
        let changed = try database.run(
            """
            UPDATE sales SET epoch = ?2, stock_total = ?3 WHERE sale = ?1 AND sold <= ?3
            """, [.text("\(record.sale)"), .integer(record.epoch), .integer(record.stockTotal)])
        guard changed == 1 else {
            return try reject(record.sale, entry, .contradiction, .apply, "it leaves less than is sold")
        }
        if record.stockTotal != total {
            let units = record.stockTotal - total
            try extendLedger(of: record.sale, with: .restock(units: units, at: record.createdAt))
        }
        var settings = record.settings
        settings.title = record.title
        return try store(record.sale, settings, entry)
    }

    private func store(_ order: Order, _ entry: StreamEntry) throws(StoreError) -> Outcome {
        let sale = order.id.sale
        if PlantedBug.overwriteOrders.isActive {
            try database.run(
                "DELETE FROM orders WHERE sale = ? AND position = ?", [.text("\(sale)"), .integer(order.id.position)])
        }
        let inserted: Int
        do throws(StoreError) {
            inserted = try database.run(
                """
                INSERT INTO orders (sale, position, order_id, buyer, quantity, key, trace, secured_at_ms, epoch, stream_id)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
                """,
                [
                    .text("\(sale)"), .integer(order.id.position), .text("\(order.id)"), .text(order.buyer),
                    .integer(order.quantity), .text(order.key), .text(order.trace), .integer(order.securedAt.value),
                    .integer(order.epoch), .text(entry.id),
                ])
        } catch {
            // The CHECK of sales, the one that holds when everything before it has failed; or a discarded order. The CHECKs of
            // orders hold for whatever could be read as one.
            guard error.isConstraint else { throw error }
            return try reject(
                sale, entry, .contradiction, .apply, "the database refuses it: \(error.message)", order.id.position,
                order.quantity, isOversell: error.isCheck)
        }
        if inserted == 1 {
            let second = order.securedAt.value / 1000
            soldSeconds[second, default: (0, 0)].orders += 1
            soldSeconds[second, default: (0, 0)].units += order.quantity
            try extendLedger(of: sale, with: .order(order))
            return .stored
        }
        let other = try conflict(with: order)
        guard let other else { return .alreadyStored }
        let what = other == order.id ? "position \(order.id.position)" : "this buyer and key"
        return try reject(
            sale, entry, .contradiction, .apply, "\(what) is stored already as order \(other), with other content",
            order.id.position, order.quantity)
    }

    /// The stored order that says something else than `order`; nil where what is stored is the same.
    private func conflict(with order: Order) throws(StoreError) -> OrderID? {
        let sale = order.id.sale
        var stored: [Order] = []
        // Two look-ups: a table without rowids has no index for an OR, and would be read whole.
        try database.query(
            """
            SELECT position, buyer, quantity, key, trace, secured_at_ms, epoch FROM orders
            WHERE sale = ?1 AND position = ?2
            UNION SELECT position, buyer, quantity, key, trace, secured_at_ms, epoch FROM orders
            WHERE sale = ?1 AND buyer = ?3 AND key = ?4 ORDER BY position
            """, [.text("\(sale)"), .integer(order.id.position), .text(order.buyer), .text(order.key)]
        ) { stored.append(Order(sale: sale, $0)) }
        if stored.count == 1, stored[0].tellsTheSame(as: order) { return nil }
        return stored.first?.id
    }

    private func store(_ sale: SaleID, _ settings: SaleSettings, _ entry: StreamEntry) throws(StoreError) -> Outcome {
        var last = ""
        try database.query("SELECT settings_stream_id FROM sales WHERE sale = ?", [.text("\(sale)")]) {
            last = $0.text(0)
        }
        guard StreamID(last) < StreamID(entry.id) else { return .alreadyStored }
        try database.run(
            """
            UPDATE sales SET opens_at_ms = ?2, closes_at_ms = ?3, paused = ?4, settings_stream_id = ?5,
                title = coalesce(?6, title), admission = ?7, turn_window_ms = ?8 WHERE sale = ?1
            """,
            [
                .text("\(sale)"), .optional(settings.opensAt?.value), .optional(settings.closesAt?.value),
                .integer(settings.paused ? 1 : 0), .text(entry.id), settings.title.map { .text($0) } ?? .null,
                .optional(settings.waitingRoom?.schedule.text), .optional(settings.waitingRoom?.turnWindowMilliseconds),
            ])
        try extendLedger(of: sale, with: .set(settings))
        return .stored
    }

    private func store(
        _ sale: SaleID, _ units: Int, _ at: UnixMilliseconds, _ entry: StreamEntry
    ) throws(StoreError) -> Outcome {
        let inserted = try database.run(
            "INSERT INTO restocks (sale, stream_id, units, at_ms) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            [.text("\(sale)"), .text(entry.id), .integer(units), .integer(at.value)])
        guard inserted == 1 else { return .alreadyStored }
        let changed = try database.run(
            "UPDATE sales SET stock_total = stock_total + ?2 WHERE sale = ?1 AND stock_total + ?2 >= sold",
            [.text("\(sale)"), .integer(units)])
        guard changed == 1 else {
            try database.run(
                "DELETE FROM restocks WHERE sale = ? AND stream_id = ?", [.text("\(sale)"), .text(entry.id)])
            return try reject(sale, entry, .contradiction, .apply, "it leaves less than is sold")
        }
        try extendLedger(of: sale, with: .restock(units: units, at: at))
        return .stored
    }

    private func release(
        _ sale: SaleID, _ units: Int, _ at: UnixMilliseconds, _ entry: StreamEntry
    ) throws(StoreError) -> Outcome {
        // Only what had been recorded by then: the event may come again, after another loss.
        var due: [Int] = []
        try database.query(
            "SELECT first_position, recorded_after FROM losses WHERE sale = ? AND released_at_ms IS NULL",
            [.text("\(sale)")]
        ) { if StreamID($0.text(1)) < StreamID(entry.id) { due.append($0.integer(0)) } }
        guard !due.isEmpty else { return .alreadyStored }
        for position in due {
            try database.run(
                "UPDATE losses SET released_at_ms = ?3 WHERE sale = ?1 AND first_position = ?2",
                [.text("\(sale)"), .integer(position), .integer(at.value)])
        }
        try extendLedger(of: sale, with: .release(units: units, at: at))
        return .stored
    }
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
