package import Shared

/// Forgetting who a buyer was. The ledger needs no change, because it names buyers by pseudonym only.
extension OrderStore {
    /// What replaces a buyer of this sale who is erased; nil if the sale is not stored.
    package func erased(_ buyer: String, of sale: SaleID) throws(StoreError) -> ErasedBuyer? {
        try knownSale(sale).map { ErasedBuyer(buyer, $0.pseudonym) }
    }

    /// When the sale closes; nil if it has no closing time, or is not stored.
    package func closingTime(_ sale: SaleID) throws(StoreError) -> UnixMilliseconds? {
        try database.first("SELECT closes_at_ms FROM sales WHERE sale = ?", [.sale(sale)]) { $0.optionalTime(0) } ?? nil
    }

    /// How SQLite holds a stream entry.
    package enum Holding: Sendable { case order, deadLetter, nothing }

    /// Whether a stream entry has been taken in, as the order at its position or as a dead letter that was not
    /// redriven.
    package func holding(_ sale: SaleID, position: Int?, streamID: String) throws(StoreError) -> Holding {
        if let letter = try database.deadLetter(sale, streamID), letter.resolution != .redriven { return .deadLetter }
        let isOrder = try database.exists(
            "SELECT 1 FROM orders WHERE sale = ? AND position = ?", [.sale(sale), .optional(position)])
        return isOrder ? .order : .nothing
    }

    /// Replaces the buyer's name in orders and dead letters, and returns how many of each changed. The old bytes are
    /// overwritten with zeros in the file (PRAGMA secure_delete), and the log is emptied into it.
    ///
    /// Returns nil and writes nothing to the audit if the buyer was never erased, SQLite has nothing of the buyer, and
    /// `isGone` says that no other store has, either.
    package func erase(
        _ erased: ErasedBuyer, of sale: SaleID, reason: String, unless isGone: Bool
    ) throws(StoreError) -> (orders: Int, letters: Int)? {
        let counts: (Int, Int)? = try transaction { () throws(StoreError) in
            let orders = try database.run(
                "UPDATE orders SET buyer = ?3, key = 'erased-' || position, trace = ?4 WHERE sale = ?1 AND buyer = ?2",
                [.sale(sale), .text(erased.buyer), .text(erased.name), .text(TraceID.unknown)])
            let letters = try eraseDeadLetters(erased, of: sale)
            if orders == 0, letters == 0, isGone, try !wasErased(erased, of: sale) { return nil }
            try audit(
                "erase", sale, subject: erased.name, reason: reason,
                outcome: "\(counted(orders, "order")), \(counted(letters, "dead letter"))")
            return (orders, letters)
        }
        // It returns 1 while somebody who reads the file, such as a backup, needs the log as it is.
        guard try database.integer("PRAGMA wal_checkpoint(TRUNCATE)") == 0 else {
            throw StoreError(
                code: 0, operation: "wal_checkpoint",
                message: "the buyer is erased, but stays in the database's log while somebody reads it: run it again")
        }
        return counts
    }

    private func wasErased(_ erased: ErasedBuyer, of sale: SaleID) throws(StoreError) -> Bool {
        try database.exists(
            "SELECT 1 FROM audit WHERE action = 'erase' AND sale = ? AND subject = ?",
            [.sale(sale), .text(erased.name)])
    }

    private func eraseDeadLetters(_ erased: ErasedBuyer, of sale: SaleID) throws(StoreError) -> Int {
        let rewritten = try database.all(
            "SELECT stream_id, fields FROM dead_letters WHERE sale = ? AND fields IS NOT NULL", [.sale(sale)]
        ) { row in
            StreamFields(packed: row.blob(1)).flatMap(erased.rewritten).map { (id: row.text(0), fields: $0) }
        }
        for (id, fields) in rewritten {
            try database.run(
                "UPDATE dead_letters SET fields = ?3 WHERE sale = ?1 AND stream_id = ?2",
                [.sale(sale), .text(id), .blob(fields.packed)])
        }
        return rewritten.count
    }
}
