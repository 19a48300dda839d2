package import Shared

/// Where an entry failed.
package enum Stage: String, Sendable {
    /// When its bytes were understood.
    case decode
    /// When it was to be stored.
    case apply
    /// It was delivered again and again, and nobody lived to say what became of it.
    case deliver
}

extension OrderStore {
    /// Records what can't be stored, whole; one that failed before is counted.
    func reject(
        _ sale: SaleID, _ entry: StreamEntry, _ reason: Rejection.Reason, _ stage: Stage, _ message: String,
        _ position: Int? = nil, _ quantity: Int? = nil, attempts: Int = 1, isOversell: Bool = false
    ) throws(StoreError) -> Outcome {
        let rejection = Rejection(reason: reason, message: message, isOversell: isOversell)
        do throws(StoreError) {
            return try record(rejection, sale, entry, stage, position, quantity, attempts)
        } catch {
            // SQLite's rows end at a gigabyte (SQLITE_MAX_LENGTH); what is longer is whole on the orders and dlq streams.
            guard error.concernsRow, !error.isConstraint, entry.fields != nil else { throw error }
            let empty = StreamEntry(id: entry.id, fields: nil)
            return try record(rejection, sale, empty, stage, position, quantity, attempts)
        }
    }

    private func record(
        _ rejection: Rejection, _ sale: SaleID, _ entry: StreamEntry, _ stage: Stage, _ position: Int?,
        _ quantity: Int?, _ attempts: Int
    ) throws(StoreError) -> Outcome {
        let now = UnixMilliseconds.now.value
        var isMoved = false
        // A position that was never given stands for no unit, and must not stand in the way of the order that gets it.
        let isReal = position.map { isGiven($0, of: sale) } ?? false
        try database.query(
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
                .text("\(sale)"), .text(entry.id), .optional(entry.fields.map(StreamEntry.packed)),
                .text(rejection.reason.rawValue), .text(rejection.message), .text(stage.rawValue),
                .optional(isReal ? position : nil), .optional(isReal ? quantity : nil), .integer(attempts),
                .integer(now), .text(worker), .text(Release.version),
            ]
        ) { isMoved = $0.optionalInteger(0) != nil }
        return isMoved ? .alreadyRejected : .rejected(rejection)
    }

    /// What became of an entry that must not be tried again when the stream brings it a second time: it was discarded, or the
    /// worker dies of it.
    func finalOutcome(_ sale: SaleID, _ id: String) throws(StoreError) -> Outcome? {
        var outcome: Outcome?
        try database.query(
            """
            SELECT reason, message, moved_at_ms FROM dead_letters WHERE sale = ? AND stream_id = ?
                AND (resolution = 'discarded' OR resolution IS NULL AND reason = 'crashes_worker')
            """, [.text("\(sale)"), .text(id)]
        ) { row in
            let reason = Rejection.Reason(rawValue: row.text(0)) ?? .unstorable
            let isMoved = row.optionalInteger(2) != nil
            outcome = isMoved ? .alreadyRejected : .rejected(Rejection(reason: reason, message: row.text(1)))
        }
        return outcome
    }

    /// Dead letters that are not known to be in Redis' dlq stream. One whose entry was deleted is not among them: that is off
    /// the pending list before it is moved (XAUTOCLAIM), and never comes again.
    package func unmovedDeadLetters(_ sale: SaleID) throws(StoreError) -> [String] {
        var ids: [String] = []
        try database.query(
            "SELECT stream_id FROM dead_letters WHERE sale = ? AND moved_at_ms IS NULL AND fields IS NOT NULL",
            [.text("\(sale)")]
        ) { ids.append($0.text(0)) }
        return ids
    }

    /// Notes that dead letters are in Redis' dlq stream: they are not moved there again, nor do they pause the sale again.
    package func markMoved(_ sale: SaleID, _ ids: [String]) throws(StoreError) {
        try transaction { () throws(StoreError) in
            for id in ids {
                try database.run(
                    "UPDATE dead_letters SET moved_at_ms = ?3 WHERE sale = ?1 AND stream_id = ?2",
                    [.text("\(sale)"), .text(id), .integer(UnixMilliseconds.now.value)])
            }
        }
    }
}
