package import Shared

/// Something that the database has of one trace.
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
    /// Everything that came of the request with this trace-id. No index has it, so this reads all rows: a second for a
    /// few million.
    package func records(of trace: String) throws(StoreError) -> [TraceRecord] {
        var records = try database.all(
            "SELECT sale, order_id, buyer, quantity, key, secured_at_ms, epoch, stream_id FROM orders WHERE trace = ?",
            [.text(trace)]
        ) { row in
            TraceRecord(
                place: .order, sale: row.text(0), at: row.time(5), streamID: row.text(7),
                detail: "order \(row.text(1)), buyer \(row.text(2)), \(counted(row.integer(3), "unit")), "
                    + "key \(row.text(4)), epoch \(row.integer(6))")
        }
        // The fields are kept byte for byte, so they contain the id as it is.
        try database.query(
            """
            SELECT sale, stream_id, reason, message, first_failed_at_ms, resolution, fields FROM dead_letters
            WHERE instr(fields, CAST(? AS BLOB)) > 0
            """, [.text(trace)]
        ) { row in
            guard StreamFields(packed: row.blob(6))?.trace == trace else { return }
            records.append(
                TraceRecord(
                    place: .deadLetter, sale: row.text(0), at: row.time(4), streamID: row.text(1),
                    detail: "\(row.optionalText(5) ?? "open"), \(row.text(2)): \(row.text(3))"))
        }
        for record in records {
            records += try database.all(
                "SELECT at_ms, action, reason, outcome FROM audit WHERE sale = ? AND subject = ? ORDER BY id",
                [.text(record.sale), .text(record.streamID)]
            ) { row in
                TraceRecord(
                    place: .audit, sale: record.sale, at: row.time(0), streamID: "",
                    detail: "\(row.text(1)), because: \(row.text(2)); \(row.text(3))")
            }
        }
        return records
    }
}
