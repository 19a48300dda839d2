package import Shared

/// Entries that are stored each for itself, so that one that can't be takes none of its neighbours with it.
extension OrderStore {
    /// Stores one entry within the open transaction, or rejects it where the database can't take it.
    ///
    /// The errors that concern a row undo their own statement and leave the transaction open
    /// (sqlite.org/lang_transaction.html, "Response To Errors Within A Transaction"); the savepoint undoes what the entry had
    /// written before that statement.
    func applyIsolated(_ sale: SaleID, _ entry: StreamEntry) throws(StoreError) -> Outcome {
        let soldBefore = soldSeconds
        try database.execute("SAVEPOINT entry")
        do throws(StoreError) {
            let outcome = try apply(sale, entry)
            try database.execute("RELEASE entry")
            return outcome
        } catch {
            guard error.concernsRow else { throw error }
            try database.execute("ROLLBACK TO entry; RELEASE entry")
            // The chain in memory may be ahead of the table now: it is read again when it is needed.
            known[sale] = nil
            soldSeconds = soldBefore
            return try reject(
                sale, entry, error.isConstraint ? .contradiction : .unstorable, .apply,
                "the database refuses it: \(error.message)", entry.number("position"), entry.number("quantity"))
        }
    }

    /// Stores one entry that a worker may have died of, by itself; rejects it where one has died while it did just that.
    ///
    /// Twice, as the first time may have been anybody's fault: a machine that was switched off.
    private static let deathsMax = 2

    /// How often an entry was delivered can't tell: it grows with each reconnection, too. What survives a crash is a mark,
    /// committed before the try and deleted with what comes of it: a mark of an earlier owner of the file is the word of one
    /// that did not live to delete it.
    package func tryAlone(
        _ sale: SaleID, _ entry: StreamEntry, deliveries: Int, beforeCommit: ([Outcome]) -> Void = { _ in }
    ) throws(StoreError) -> Applied {
        let trial: [StoreValue] = [.text("\(sale)"), .text(entry.id)]
        if let outcome = try finalOutcome(sale, entry.id) {
            return Applied(outcomes: [outcome], persistedPosition: try persistedPosition(sale))
        }
        var deaths = 0
        try database.query("SELECT life, deaths FROM trials WHERE sale = ? AND stream_id = ?", trial) {
            deaths = $0.integer(1) + ($0.text(0) == life ? 0 : 1)
        }
        if deaths >= Self.deathsMax {
            return try transaction { () throws(StoreError) in
                let outcome = try reject(
                    sale, entry, .crashesWorker, .deliver,
                    "the worker ended each time it was to be stored, at last by itself", entry.number("position"),
                    entry.number("quantity"), attempts: deliveries)
                // From here on the dead letter remembers it (`finalOutcome`).
                try database.run("DELETE FROM trials WHERE sale = ? AND stream_id = ?", trial)
                return Applied(outcomes: [outcome], persistedPosition: try conclude(sale, last: entry.id))
            }
        }
        try transaction { () throws(StoreError) in
            _ = try database.run(
                """
                INSERT INTO trials (sale, stream_id, life, deaths) VALUES (?, ?, ?, ?)
                ON CONFLICT DO UPDATE SET life = excluded.life, deaths = excluded.deaths
                """, trial + [.text(life), .integer(deaths)])
        }
        do throws(StoreError) {
            return try transaction { () throws(StoreError) in
                let outcome = try applyIsolated(sale, entry)
                let position = try conclude(sale, last: entry.id)
                try database.run("DELETE FROM trials WHERE sale = ? AND stream_id = ?", trial)
                beforeCommit([outcome])
                return Applied(outcomes: [outcome], persistedPosition: position)
            }
        } catch {
            // It has been survived: whoever comes next must not think otherwise.
            _ = try? database.run("DELETE FROM trials WHERE sale = ? AND stream_id = ?", trial)
            throw error
        }
    }
}
