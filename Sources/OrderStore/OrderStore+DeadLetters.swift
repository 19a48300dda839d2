package import Shared

/// Entries that can't be stored become dead letters.
extension OrderStore {
    /// Records an entry that can't be stored, whole. One that failed before is counted.
    ///
    /// - Parameter claim: the position that the entry claims. It counts only if Redis has given that position.
    func reject(
        _ sale: SaleID, _ entry: StreamEntry, _ rejection: Rejection, claim: Claim? = nil, attempts: Int = 1
    ) throws(StoreError) -> Outcome {
        do throws(StoreError) {
            return try record(sale, entry, rejection, claim, attempts)
        } catch {
            // SQLite's rows end at a gigabyte (SQLITE_MAX_LENGTH). Longer ones are whole on the orders and dlq streams.
            guard error.concernsRow, !error.isConstraint, entry.fields != nil else { throw error }
            return try record(sale, StreamEntry(id: entry.id, fields: nil), rejection, claim, attempts)
        }
    }

    private func record(
        _ sale: SaleID, _ entry: StreamEntry, _ rejection: Rejection, _ claim: Claim?, _ attempts: Int
    ) throws(StoreError) -> Outcome {
        // A position that was never given stands for no unit, and must not stand in the way of the order that will get
        // it.
        let claim = claim.flatMap { isGiven($0.position, of: sale) ? $0 : nil }
        let isMoved = try database.first(
            """
            INSERT INTO dead_letters (sale, stream_id, fields, reason, message, stage, position, quantity, attempts,
                first_failed_at_ms, last_failed_at_ms, worker, release)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?10, ?, ?)
            ON CONFLICT DO UPDATE SET attempts = max(attempts + 1, excluded.attempts),
                last_failed_at_ms = excluded.last_failed_at_ms, reason = excluded.reason, message = excluded.message,
                stage = excluded.stage, worker = excluded.worker, release = excluded.release
            RETURNING moved_at_ms
            """,
            [
                .sale(sale), .text(entry.id), .optional(entry.fields?.packed), .text(rejection.reason.rawValue),
                .text(rejection.message), .text(rejection.stage.rawValue), .optional(claim?.position),
                .optional(claim?.quantity), .integer(attempts), .time(.now), .text(worker), .text(Release.version),
            ]
        ) { !$0.isNull(0) }
        return isMoved == true ? .alreadyRejected : .rejected(rejection)
    }

    /// The outcome of an entry that must not be tried again when the stream brings it a second time, because its dead
    /// letter was discarded, kills the worker, or contradicts without standing for a unit: the position that it made up
    /// may be given to somebody else by then. nil for any other entry.
    func finalOutcome(of id: String, _ sale: SaleID) throws(StoreError) -> Outcome? {
        try database.first(
            """
            SELECT reason, stage, message, moved_at_ms FROM dead_letters WHERE sale = ? AND stream_id = ?
                AND (resolution = 'discarded' OR resolution IS NULL
                    AND (reason = 'crashes_worker' OR reason = 'contradiction' AND position IS NULL))
            """, [.sale(sale), .text(id)]
        ) { row in
            if !row.isNull(3) { return .alreadyRejected }
            let reason = Rejection.Reason(rawValue: row.text(0)) ?? .unstorable
            return .rejected(Rejection(reason, at: Rejection.Stage(rawValue: row.text(1)) ?? .apply, row.text(2)))
        }
    }

    /// What a dead letter says; nil if this release can't read it, or there is none.
    package func deadLetterEvent(_ sale: SaleID, _ id: String) throws(StoreError) -> OrderEvent? {
        let fields = try database.deadLetter(sale, id)?.fields
        return fields.flatMap { try? $0.event(of: sale) }
    }

    /// Whether a dead letter is an order whose position had not been given when it failed.
    package func claimsPositionNotGiven(_ sale: SaleID, _ id: String) throws(StoreError) -> Bool {
        guard try database.deadLetter(sale, id)?.position == nil, case .order? = try deadLetterEvent(sale, id)
        else { return false }
        return true
    }

    /// The restocks that are open dead letters, contradict nothing, and are not stored: Redis sells with their units.
    package func undecidedRestocks(
        of sale: SaleID
    ) throws(StoreError) -> [(streamID: String, units: Int, at: UnixMilliseconds)] {
        try database.undecidedRestocks(of: sale)
    }

    /// Dead letters that may not be in Redis' dlq stream yet.
    package func unmovedDeadLetters(_ sale: SaleID) throws(StoreError) -> [String] {
        try database.all(
            "SELECT stream_id FROM dead_letters WHERE sale = ? AND moved_at_ms IS NULL", [.sale(sale)]
        ) { $0.text(0) }
    }

    /// Notes that dead letters are in Redis' dlq stream: they are not moved there again, and do not pause the sale
    /// again.
    package func markMoved(_ sale: SaleID, _ ids: [String]) throws(StoreError) {
        try transaction { () throws(StoreError) in
            for id in ids {
                try database.run(
                    "UPDATE dead_letters SET moved_at_ms = ?3 WHERE sale = ?1 AND stream_id = ?2",
                    [.sale(sale), .text(id), .time(.now)])
            }
        }
    }
}
