package import Shared

/// A dead letter: an entry of a sale's stream that could not be stored, with everything that is known of it.
package struct DeadLetter: Equatable, Sendable {
    /// What an operator decided about it.
    package enum Resolution: String, Sendable, CaseIterable {
        /// It is stored now.
        case redriven
        /// It never will be.
        case discarded
    }

    package var sale: SaleID
    /// The entry's id on the orders stream.
    package var streamID: String
    /// nil if the entry was deleted, or is longer than a row may be.
    package var fields: StreamFields?
    package var reason: String
    package var message: String
    package var stage: String
    package var position: Int?
    package var quantity: Int?
    package var attempts: Int
    package var firstFailedAt: UnixMilliseconds
    package var lastFailedAt: UnixMilliseconds
    package var worker: String
    package var release: String
    /// When it was put onto Redis' dlq stream.
    package var movedAt: UnixMilliseconds?
    /// nil until an operator has decided.
    package var resolution: Resolution?
    package var resolvedAt: UnixMilliseconds?
}

extension Database {
    /// One dead letter, whole.
    func deadLetter(_ sale: SaleID, _ id: String) throws(StoreError) -> DeadLetter? {
        try deadLetters(", fields FROM dead_letters WHERE sale = ? AND stream_id = ?", [.sale(sale), .text(id)]).first
    }

    /// The dead letters that `rest` selects; it begins with what to read as their fields.
    private func deadLetters(_ rest: StaticString, _ values: [StoreValue]) throws(StoreError) -> [DeadLetter] {
        try all(
            """
            SELECT sale, stream_id, reason, message, stage, position, quantity, attempts, first_failed_at_ms,
                last_failed_at_ms, worker, release, moved_at_ms, resolution, resolved_at_ms
            """, rest, values
        ) { row in
            guard let sale = row.sale(0) else { return nil }
            return DeadLetter(
                sale: sale, streamID: row.text(1), fields: row.optionalBlob(15).flatMap { StreamFields(packed: $0) },
                reason: row.text(2), message: row.text(3), stage: row.text(4), position: row.optionalInteger(5),
                quantity: row.optionalInteger(6), attempts: row.integer(7), firstFailedAt: row.time(8),
                lastFailedAt: row.time(9), worker: row.text(10), release: row.text(11), movedAt: row.optionalTime(12),
                resolution: row.optionalText(13).flatMap { DeadLetter.Resolution(rawValue: $0) },
                resolvedAt: row.optionalTime(14))
        }
    }

    fileprivate func deadLetters(of sale: SaleID?) throws(StoreError) -> [DeadLetter] {
        let value: StoreValue = sale.map { .sale($0) } ?? .null
        let letters = try deadLetters(", NULL FROM dead_letters WHERE ?1 IS NULL OR sale = ?1", [value])
        // As text, 10-0 would come before 9-0.
        return letters.sorted { ($0.sale, StreamID($0.streamID)) < ($1.sale, StreamID($1.streamID)) }
    }
}

extension StoreReader {
    /// One dead letter, whole.
    package func deadLetter(_ sale: SaleID, _ id: String) throws(StoreError) -> DeadLetter? {
        try database.deadLetter(sale, id)
    }

    /// All dead letters of a sale, or of every sale, without their fields, in the order of the streams.
    package func deadLetters(of sale: SaleID?) throws(StoreError) -> [DeadLetter] {
        try database.deadLetters(of: sale)
    }
}
