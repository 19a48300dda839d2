import Shared

extension Database {
    /// What is stored of a sale, with or without its orders; nil if nothing is.
    func stored(_ sale: SaleID, withOrders: Bool = true) throws(StoreError) -> StoredSale? {
        guard var stored = try storedRecord(of: sale) else { return nil }
        if withOrders { stored.orders = try orders(of: sale, "TRUE ORDER BY position") }
        // Of several letters for one position an open one counts: a discarded one may have been another entry's.
        stored.rejectedOrders = try all(
            """
            SELECT position, quantity, min((resolution IS NOT NULL) || stream_id), CASE
                WHEN resolution IS NULL AND NOT EXISTS
                    (SELECT 1 FROM voids WHERE voids.sale = letter.sale AND voids.position = letter.position)
                THEN fields END
            FROM dead_letters AS letter
            WHERE sale = ? AND position IS NOT NULL AND resolution IS NOT 'redriven' AND NOT EXISTS
                (SELECT 1 FROM orders WHERE orders.sale = letter.sale AND orders.position = letter.position)
            GROUP BY position ORDER BY position
            """, [.sale(sale)]
        ) { row in
            var order: Order?
            if case .order(let claimed)? = row.optionalBlob(3).flatMap({ Self.event(of: sale, packed: $0) }) {
                order = claimed
            }
            return StoredSale.RejectedOrder(position: row.integer(0), quantity: row.integer(1), order: order)
        }
        stored.undecidedRestock = try undecidedRestocks(of: sale).reduce(0) { $0 + $1.units }
        let rejected = stored.rejectedOrders
        stored.losses = try all(
            """
            SELECT first_position, last_position, units, released_at_ms,
                (SELECT coalesce(sum(quantity), 0) FROM orders WHERE orders.sale = losses.sale
                    AND position BETWEEN first_position AND last_position)
            FROM losses WHERE sale = ? ORDER BY first_position
            """, [.sale(sale)]
        ) { row in
            let positions = row.integer(0)...row.integer(1)
            let isReleased = !row.isNull(3)
            // An order that an older Redis has brought back, or its dead letter, has its units itself.
            let found = rejected.reduce(row.integer(4)) { $0 + (positions.contains($1.position) ? $1.quantity : 0) }
            return StoredSale.Loss(
                positions: positions, units: max(0, row.integer(2) - (isReleased ? 0 : found)), isReleased: isReleased)
        }
        stored.openDeadLetters = try integer(
            "SELECT count(*) FROM dead_letters WHERE sale = ? AND resolution IS NULL", [.sale(sale)])
        stored.restocked = try integer(
            """
            SELECT sum(units) FROM restocks JOIN sales USING (sale)
            WHERE sale = ? AND units > 0 AND at_ms >= coalesce(opens_at_ms, 0)
            """, [.sale(sale)])
        return stored
    }

    /// The same without its orders, dead letters and losses.
    func storedRecord(of sale: SaleID) throws(StoreError) -> StoredSale? {
        try first(
            """
            SELECT uuid, title, stock_total, max_per_buyer, opens_at_ms, closes_at_ms, paused, pseudonym_key, epoch,
                created_at_ms, sold, persisted_position, last_stream_id, archived_at_ms, admission, turn_window_ms
            FROM sales WHERE sale = ?
            """, [.sale(sale)]
        ) { row in
            let settings = SaleSettings(
                opensAt: row.optionalTime(4), closesAt: row.optionalTime(5), paused: row.integer(6) == 1,
                waitingRoom: row.optionalInteger(15).flatMap { WaitingRoom(admission: row.text(14), turnWindow: $0) })
            let record = SaleRecord(
                sale: sale, uuid: row.text(0), title: row.text(1), stockTotal: row.integer(2),
                maxPerBuyer: row.integer(3), settings: settings, pseudonymKey: row.text(7), epoch: row.integer(8),
                createdAt: row.time(9))
            var stored = StoredSale(record: record, sold: row.integer(10), persistedPosition: row.integer(11))
            stored.lastStreamID = StreamID(row.text(12))
            stored.archivedAt = row.optionalTime(13)
            return stored
        }
    }

    /// The restocks that are open dead letters, contradict nothing, and are not stored.
    func undecidedRestocks(
        of sale: SaleID
    ) throws(StoreError) -> [(streamID: String, units: Int, at: UnixMilliseconds)] {
        try all(
            """
            SELECT stream_id, fields FROM dead_letters AS letter
            WHERE sale = ? AND resolution IS NULL AND reason <> 'contradiction' AND position IS NULL
                AND fields IS NOT NULL AND NOT EXISTS
                    (SELECT 1 FROM restocks WHERE restocks.sale = letter.sale AND restocks.stream_id = letter.stream_id)
            """, [.sale(sale)]
        ) { row in
            guard case .restock(let units, let at)? = row.optionalBlob(1).flatMap({ Self.event(of: sale, packed: $0) })
            else { return nil }
            return (row.text(0), units, at)
        }
    }

    /// The event that the fields of a dead letter describe; nil if this release can't read them.
    private static func event(of sale: SaleID, packed: [UInt8]) -> OrderEvent? {
        StreamFields(packed: packed).flatMap { try? $0.event(of: sale) }
    }
}
