package import Shared

extension OrderStore {
    /// Marks that the sale's state in Redis is about to be rebuilt, and returns the new epoch, higher than any before.
    package func beginEpoch(_ sale: SaleID, above other: Int) throws(StoreError) -> Int {
        try transaction { () throws(StoreError) in
            try database.first(
                "UPDATE sales SET epoch = max(epoch, ?2) + 1 WHERE sale = ?1 RETURNING epoch",
                [.sale(sale), .integer(other)]
            ) { $0.integer(0) } ?? 0
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
        }
    }
}
