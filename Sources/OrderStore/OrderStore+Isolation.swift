package import Shared

/// Entries that are stored in isolation, so that one that can't be stored does not fail its neighbours.
extension OrderStore {
    /// Stores one entry within the open transaction, or rejects it if the database can't take it.
    func applyIsolated(_ sale: SaleID, _ entry: StreamEntry) throws(StoreError) -> Outcome {
        try isolated(sale, entry) { () throws(StoreError) in try applyEntry(sale, entry) }
    }

    /// The same for an entry that `apply` stores.
    func isolated(
        _ sale: SaleID, _ entry: StreamEntry, _ apply: () throws(StoreError) -> Outcome
    ) throws(StoreError) -> Outcome {
        do throws(StoreError) {
            return try savepoint(apply)
        } catch {
            guard error.concernsRow else { throw error }
            return try reject(sale, entry, Rejection(refusal: error), claim: entry.claim)
        }
    }

    /// How many workers must have died while they stored an entry by itself before it is rejected. Two, because the
    /// first death may have another cause, such as a machine that was switched off.
    private static let deathsMax = 2

    /// Stores one entry that a worker may have died of, by itself. Rejects it if workers have died while they did just
    /// that.
    ///
    /// The number of deliveries can't tell, because it also grows with each reconnection. What survives a crash is a
    /// mark that is committed before the try and deleted with its result: a mark of an earlier owner of the file means
    /// that this owner did not live to delete it.
    package func tryAlone(
        _ sale: SaleID, _ entry: StreamEntry, deliveries: Int, beforeCommit: ([Outcome]) -> Void = { _ in }
    ) throws(StoreError) -> Applied {
        let trial: [StoreValue] = [.sale(sale), .text(entry.id)]
        if let outcome = try finalOutcome(of: entry.id, sale) {
            return Applied(outcomes: [outcome], persistedPosition: try advancedPosition(sale))
        }
        let deaths =
            try database.first("SELECT life, deaths FROM trials WHERE sale = ? AND stream_id = ?", trial) {
                $0.integer(1) + ($0.text(0) == life ? 0 : 1)
            } ?? 0
        if deaths >= Self.deathsMax {
            return try transaction { () throws(StoreError) in
                let rejection = Rejection(
                    .crashesWorker, at: .deliver, "the worker ended each time it was to be stored, at last by itself")
                let outcome = try reject(sale, entry, rejection, claim: entry.claim, attempts: deliveries)
                // From here on the dead letter remembers it (`finalOutcome`).
                try database.run("DELETE FROM trials WHERE sale = ? AND stream_id = ?", trial)
                return Applied(outcomes: [outcome], persistedPosition: try conclude(sale, last: StreamID(entry.id)))
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
                let position = try conclude(sale, last: StreamID(entry.id))
                try database.run("DELETE FROM trials WHERE sale = ? AND stream_id = ?", trial)
                beforeCommit([outcome])
                return Applied(outcomes: [outcome], persistedPosition: position)
            }
        } catch {
            // This worker survived the entry, so the next one must not count a death.
            _ = try? database.run("DELETE FROM trials WHERE sale = ? AND stream_id = ?", trial)
            throw error
        }
    }
}
