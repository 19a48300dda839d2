package import Shared

/// A dead letter: an entry of a sale's stream that could not be stored, with everything that is known of it.
package struct DeadLetter: Equatable, Sendable {
    /// What somebody decided about it; nil as long as nobody has.
    package enum Resolution: String, Sendable, CaseIterable {
        /// It is stored now.
        case redriven
        /// It never will be.
        case discarded
    }

    package var sale: SaleID
    /// The entry's id on the orders stream.
    package var streamID: String
    /// Names and values in turn, byte for byte; nil where the entry was deleted, or is longer than a row may be.
    package var fields: [[UInt8]]?
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
    package var resolution: Resolution?
    package var resolvedAt: UnixMilliseconds?
}

extension DeadLetter {
    fileprivate init(_ sale: SaleID, _ row: borrowing Row) {
        self.init(
            sale: sale, streamID: row.text(1), fields: row.optionalBlob(2).flatMap { StreamEntry.unpacked($0) },
            reason: row.text(3), message: row.text(4), stage: row.text(5), position: row.optionalInteger(6),
            quantity: row.optionalInteger(7), attempts: row.integer(8),
            firstFailedAt: UnixMilliseconds(row.integer(9)), lastFailedAt: UnixMilliseconds(row.integer(10)),
            worker: row.text(11), release: row.text(12), movedAt: row.optionalInteger(13).map { UnixMilliseconds($0) },
            resolution: row.optionalText(14).flatMap { Resolution(rawValue: $0) },
            resolvedAt: row.optionalInteger(15).map { UnixMilliseconds($0) })
    }
}

extension Database {
    /// One dead letter, whole; nil where there is none.
    func deadLetter(_ sale: SaleID, _ id: String) throws(StoreError) -> DeadLetter? {
        var letter: DeadLetter?
        try query(
            """
            SELECT sale, stream_id, fields, reason, message, stage, position, quantity, attempts, first_failed_at_ms,
                last_failed_at_ms, worker, release, moved_at_ms, resolution, resolved_at_ms
            FROM dead_letters WHERE sale = ? AND stream_id = ?
            """, [.text("\(sale)"), .text(id)]
        ) { letter = DeadLetter(sale, $0) }
        return letter
    }

    /// All dead letters of a sale, or of every sale, without their fields, in the order of the streams.
    fileprivate func deadLetters(of sale: SaleID?) throws(StoreError) -> [DeadLetter] {
        var letters: [DeadLetter] = []
        try query(
            """
            SELECT sale, stream_id, NULL, reason, message, stage, position, quantity, attempts, first_failed_at_ms,
                last_failed_at_ms, worker, release, moved_at_ms, resolution, resolved_at_ms
            FROM dead_letters WHERE ?1 IS NULL OR sale = ?1
            """, [sale.map { .text("\($0)") } ?? .null]
        ) { row in
            guard let sale = SaleID(row.text(0)) else { return }
            letters.append(DeadLetter(sale, row))
        }
        // As text, 10-0 would come before 9-0.
        return letters.sorted {
            let (left, right) = ("\($0.sale)", "\($1.sale)")
            return left == right ? StreamID($0.streamID) < StreamID($1.streamID) : left < right
        }
    }
}

extension StoreReader {
    /// One dead letter, whole; nil where there is none.
    package func deadLetter(_ sale: SaleID, _ id: String) throws(StoreError) -> DeadLetter? {
        try database.deadLetter(sale, id)
    }

    /// All dead letters of a sale, or of every sale, without their fields, in the order of the streams.
    package func deadLetters(of sale: SaleID?) throws(StoreError) -> [DeadLetter] { try database.deadLetters(of: sale) }
}
