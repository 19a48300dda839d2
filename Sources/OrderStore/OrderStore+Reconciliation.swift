package import Shared

extension OrderStore {
    /// Marks that the sale's state in Redis is about to be rebuilt, and returns its new epoch; 0 if it is not
    /// stored.
    package func beginEpoch(_ sale: SaleID, above other: Int) throws(StoreError) -> Int {
        try transaction { () throws(StoreError) in
            guard let epoch = try database.storedRecord(of: sale)?.nextEpoch(above: other) else { return 0 }
            try database.run("UPDATE sales SET epoch = ?2 WHERE sale = ?1", [.sale(sale), .integer(epoch)])
            return epoch
        }
    }

    /// Records positions that were confirmed to buyers and that neither store has. The sale's stream must have been
    /// read to its end.
    package func record(_ loss: StoredSale.Loss, of sale: SaleID) throws(StoreError) {
        try transaction { () throws(StoreError) in
            guard try knownSale(sale) != nil else { return }
            let now = UnixMilliseconds.now
            try database.run(
                """
                INSERT INTO losses (sale, first_position, last_position, units, recorded_at_ms, recorded_after)
                SELECT sale, ?2, ?3, ?4, ?5, last_stream_id FROM sales WHERE sale = ?1
                """,
                [
                    .sale(sale), .integer(loss.positions.lowerBound), .integer(loss.positions.upperBound),
                    .integer(loss.units), .time(now),
                ])
            try extendLedger(of: sale, with: .lost(loss.positions, units: loss.units, at: now))
            // They are accounted for now, and perhaps no entry follows.
            _ = try conclude(sale)
        }
    }
}
