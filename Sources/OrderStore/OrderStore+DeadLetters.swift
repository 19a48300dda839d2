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
        _ position: Int? = nil, _ quantity: Int? = nil
    ) throws(StoreError) -> Outcome {
        let now = UnixMilliseconds.now.value
        var isMoved = false
        try database.query(
            """
            INSERT INTO dead_letters (sale, stream_id, fields, reason, message, stage, position, quantity,
                first_failed_at_ms, last_failed_at_ms, worker, release)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?9, ?, ?)
            ON CONFLICT DO UPDATE SET attempts = attempts + 1, last_failed_at_ms = excluded.last_failed_at_ms,
                reason = excluded.reason, message = excluded.message, stage = excluded.stage,
                worker = excluded.worker, release = excluded.release
            RETURNING moved_at_ms
            """,
            [
                .text("\(sale)"), .text(entry.id), .optional(entry.fields.map(StreamEntry.packed)),
                .text(reason.rawValue), .text(message), .text(stage.rawValue),
                .optional(position), .optional(quantity), .integer(now), .text(worker), .text(Release.version),
            ]
        ) { isMoved = $0.optionalInteger(0) != nil }
        return isMoved ? .alreadyRejected : .rejected(Rejection(reason: reason, message: message))
    }

    /// Notes that a dead letter is in Redis' dlq stream: it is not moved there again, nor does it pause the sale again.
    package func markMoved(_ sale: SaleID, _ id: String) throws(StoreError) {
        try transaction { () throws(StoreError) in
            _ = try database.run(
                "UPDATE dead_letters SET moved_at_ms = ?3 WHERE sale = ?1 AND stream_id = ?2",
                [.text("\(sale)"), .text(id), .integer(UnixMilliseconds.now.value)])
        }
    }
}
