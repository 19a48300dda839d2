package import Shared

/// Forgetting who a buyer was. The ledger needs no change: it never knew.
extension OrderStore {
    /// How a buyer of this sale is called once erased; nil where the sale is not stored.
    package func erased(_ buyer: String, of sale: SaleID) throws(StoreError) -> ErasedBuyer? {
        guard try know(sale), let known = known[sale] else { return nil }
        return ErasedBuyer(buyer, known.pseudonym)
    }

    /// When the sale closes; nil where it does not, or is not stored.
    package func closingTime(_ sale: SaleID) throws(StoreError) -> UnixMilliseconds? {
        var time: UnixMilliseconds?
        try database.query("SELECT closes_at_ms FROM sales WHERE sale = ?", [.text("\(sale)")]) {
            time = $0.optionalInteger(0).map { UnixMilliseconds($0) }
        }
        return time
    }

    /// What SQLite has of a position.
    package enum Holding: Sendable { case order, deadLetter, nothing }

    /// Whether an entry of the stream has been taken in: as the order at its position, or as a dead letter that is none.
    package func holding(_ sale: SaleID, position: Int?, streamID: String) throws(StoreError) -> Holding {
        if let letter = try database.letter(sale, streamID), letter.resolution != .redriven { return .deadLetter }
        var isOrder = false
        try database.query(
            "SELECT 1 FROM orders WHERE sale = ? AND position = ?", [.text("\(sale)"), .optional(position)]
        ) { _ in isOrder = true }
        return isOrder ? .order : .nothing
    }

    /// Whether an order of this position is stored, or among the dead letters.
    package func accountsFor(_ sale: SaleID, _ position: Int) throws(StoreError) -> Bool {
        try isAccountedFor(sale, position)
    }

    /// Puts the erased name in the buyer's place, in orders and dead letters: answers how many of each. What was there is
    /// overwritten with zeros in the file (PRAGMA secure_delete), and the log emptied into it.
    ///
    /// nil, and nothing on the audit, where nothing of the buyer was ever erased, there is nothing here, and `isGone` says that
    /// nobody else has it, either.
    package func erase(
        _ erased: ErasedBuyer, of sale: SaleID, reason: String, unless isGone: Bool
    ) throws(StoreError) -> (orders: Int, letters: Int)? {
        try database.execute("PRAGMA secure_delete = ON")
        let counts: (Int, Int)? = try transaction { () throws(StoreError) in
            let orders = try database.run(
                "UPDATE orders SET buyer = ?3, key = 'erased-' || position, trace = ?4 WHERE sale = ?1 AND buyer = ?2",
                [.text("\(sale)"), .text(erased.buyer), .text(erased.name), .text(TraceID.unknown)])
            let letters = try eraseLetters(erased, of: sale)
            if orders == 0, letters == 0, isGone, try !wasErased(erased, of: sale) { return nil }
            try audit(
                "erase", sale, subject: erased.name, reason: reason,
                outcome: "\(orders) orders, \(letters) dead letters")
            return (orders, letters)
        }
        // It answers 1 where somebody who reads the file, a backup, needs the log as it is.
        guard try database.integer("PRAGMA wal_checkpoint(TRUNCATE)") == 0 else {
            throw StoreError(
                code: 0, operation: "wal_checkpoint",
                message: "the buyer is erased, but still in the database's log while somebody reads it: run it again")
        }
        return counts
    }

    private func wasErased(_ erased: ErasedBuyer, of sale: SaleID) throws(StoreError) -> Bool {
        var found = false
        try database.query(
            "SELECT 1 FROM audit WHERE action = 'erase' AND sale = ? AND subject = ?",
            [.text("\(sale)"), .text(erased.name)]
        ) { _ in found = true }
        return found
    }

    private func eraseLetters(_ erased: ErasedBuyer, of sale: SaleID) throws(StoreError) -> Int {
        var rewritten: [(id: String, fields: [[UInt8]])] = []
        try database.query(
            "SELECT stream_id, fields FROM dead_letters WHERE sale = ? AND fields IS NOT NULL", [.text("\(sale)")]
        ) {
            if let fields = StreamEntry.unpacked($0.blob(1)).flatMap(erased.rewritten) {
                rewritten.append(($0.text(0), fields))
            }
        }
        for (id, fields) in rewritten {
            try database.run(
                "UPDATE dead_letters SET fields = ?3 WHERE sale = ?1 AND stream_id = ?2",
                [.text("\(sale)"), .text(id), .blob(StreamEntry.packed(fields))])
        }
        return rewritten.count
    }
}
