package import Shared

/// Where the read model has something of one trace.
package struct TraceRecord: Equatable, Sendable {
    package enum Place: String, Sendable { case order, deadLetter = "dead_letter", audit }

    package var place: Place
    package var sale: String
    package var at: UnixMilliseconds
    /// The entry on the sale's stream that it comes from; "" for what an operator did.
    package var streamID: String
    /// For the person who reads it.
    package var detail: String
}

extension StoreReader {
    /// Everything that comes of the request with this trace-id. Nothing is indexed by it, so all rows are looked at: a second
    /// for a few million.
    package func records(of trace: String) throws(StoreError) -> [TraceRecord] {
        var records: [TraceRecord] = []
        try database.query(
            "SELECT sale, order_id, buyer, quantity, key, secured_at_ms, epoch, stream_id FROM orders WHERE trace = ?",
            [.text(trace)]
        ) { row in
            records.append(
                TraceRecord(
                    place: .order, sale: row.text(0), at: UnixMilliseconds(row.integer(5)), streamID: row.text(7),
                    detail: "order \(row.text(1)), buyer \(row.text(2)), \(row.integer(3)) units, key \(row.text(4)), "
                        + "epoch \(row.integer(6))"))
        }
        // The fields are what Redis sent, byte for byte, so the id stands in them as it is.
        try database.query(
            """
            SELECT sale, stream_id, reason, message, first_failed_at_ms, resolution, fields FROM dead_letters
            WHERE instr(fields, CAST(? AS BLOB)) > 0
            """, [.text(trace)]
        ) { row in
            guard let fields = row.optionalBlob(6).flatMap({ StreamEntry.unpacked($0) }),
                StreamEntry.trace(of: fields) == trace
            else { return }
            records.append(
                TraceRecord(
                    place: .deadLetter, sale: row.text(0), at: UnixMilliseconds(row.integer(4)), streamID: row.text(1),
                    detail: "\(row.optionalText(5) ?? "open"), \(row.text(2)): \(row.text(3))"))
        }
        for record in records {
            try database.query(
                "SELECT at_ms, action, reason, outcome FROM audit WHERE sale = ? AND subject = ? ORDER BY id",
                [.text(record.sale), .text(record.streamID)]
            ) { row in
                records.append(
                    TraceRecord(
                        place: .audit, sale: record.sale, at: UnixMilliseconds(row.integer(0)), streamID: "",
                        detail: "\(row.text(1)), because: \(row.text(2)); \(row.text(3))"))
            }
        }
        return records
    }
}
