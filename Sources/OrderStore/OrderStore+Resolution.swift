package import Shared

/// What came of one dead letter that was to be redriven or discarded.
package struct DeadLetterResult: Equatable, Sendable {
    package enum Outcome: String, Sendable, CaseIterable {
        /// It is stored now.
        case applied
        /// What it says was stored already.
        case alreadyThere = "already_there"
        case failedAgain = "failed_again"
        case discarded
        /// It had been redriven, or discarded, before.
        case skipped
        /// There is no such dead letter.
        case unknown
    }

    package var id: String
    package var outcome: Outcome
    /// Why, where it needs a sentence.
    package var message: String
    /// What had been decided before, where it was skipped.
    package var resolution: DeadLetter.Resolution?

    package init(id: String, outcome: Outcome, message: String = "", resolution: DeadLetter.Resolution? = nil) {
        self.id = id
        self.outcome = outcome
        self.message = message
        self.resolution = resolution
    }

    /// Whether what the letter says is stored, now or since before.
    package var isStored: Bool { [.applied, .alreadyThere].contains(outcome) || resolution == .redriven }
}

extension OrderStore {
    /// Tries dead letters once more, as the stream would bring them; each try is on the audit. With `rehearsing`, says what
    /// would come of it, and changes nothing.
    ///
    /// Answers the sale's persisted position, too.
    package func redrive(
        _ sale: SaleID, _ ids: [String], reason: String, rehearsing: Bool
    ) throws(StoreError) -> (results: [DeadLetterResult], persistedPosition: Int) {
        if !rehearsing { try auditDangers(sale, ids, reason) }
        return try transaction(rehearsing: rehearsing) { () throws(StoreError) in
            var results: [DeadLetterResult] = []
            for id in ids {
                let result = try redrive(sale, id)
                try audit("redrive", sale, id, reason, result)
                results.append(result)
            }
            // Letters are older than what the sale has come to: its last entry stays.
            return (results, try conclude(sale, last: "0-0"))
        }
    }

    /// Notes, before they are made, the tries that this process may die of: what is noted beside them would die with it.
    private func auditDangers(_ sale: SaleID, _ ids: [String], _ reason: String) throws(StoreError) {
        try transaction { () throws(StoreError) in
            for id in ids {
                guard let letter = try database.deadLetter(sale, id), letter.resolution == nil,
                    letter.reason == Rejection.Reason.crashesWorker.rawValue
                else { continue }
                try audit("redrive", sale, subject: id, reason: reason, outcome: "begun")
            }
        }
    }

    private func redrive(_ sale: SaleID, _ id: String) throws(StoreError) -> DeadLetterResult {
        guard let letter = try database.deadLetter(sale, id) else { return DeadLetterResult(id: id, outcome: .unknown) }
        if let result = skipped(letter) { return result }
        guard let fields = letter.fields else {
            return DeadLetterResult(id: id, outcome: .failedAgain, message: "its fields are not in SQLite")
        }
        let outcome: DeadLetterResult.Outcome
        switch try applyIsolated(sale, StreamEntry(id: id, fields: fields)) {
        case .stored: outcome = .applied
        case .alreadyStored: outcome = .alreadyThere
        case .rejected, .alreadyRejected:
            return DeadLetterResult(
                id: id, outcome: .failedAgain, message: try database.deadLetter(sale, id)?.message ?? "")
        }
        try resolve(sale, id, .redriven)
        return DeadLetterResult(id: id, outcome: outcome)
    }

    /// Decides that dead letters never will be stored. Where one is an order that nobody has, its position is void: on the
    /// ledger, and for ever. Its units stay sold.
    ///
    /// - Parameter given: the last position that the sale has given: an entry that claims a later one is rubbish, and must not
    ///   take that position from the buyer who will get it.
    package func discard(
        _ sale: SaleID, _ ids: [String], reason: String, given: Int, rehearsing: Bool
    ) throws(StoreError) -> [DeadLetterResult] {
        try transaction(rehearsing: rehearsing) { () throws(StoreError) in
            var results: [DeadLetterResult] = []
            for id in ids {
                let result = try discard(sale, id, reason, given)
                try audit("discard", sale, id, reason, result)
                results.append(result)
            }
            return results
        }
    }

    private func discard(_ sale: SaleID, _ id: String, _ reason: String, _ given: Int) throws(StoreError)
        -> DeadLetterResult
    {
        guard let letter = try database.deadLetter(sale, id) else { return DeadLetterResult(id: id, outcome: .unknown) }
        if let result = skipped(letter) { return result }
        try resolve(sale, id, .discarded)
        guard let position = letter.position, position <= given, try knownSale(sale) != nil else {
            return DeadLetterResult(id: id, outcome: .discarded)
        }
        // A letter that contradicts a stored order has that order's position, and no unit of its own; and another letter that
        // is still open may be the order that the position belongs to.
        let now = UnixMilliseconds.now
        let voided = try database.run(
            """
            INSERT INTO voids (sale, position, quantity, stream_id, reason, at_ms)
            SELECT ?1, ?2, ?3, ?4, ?5, ?6
            WHERE NOT EXISTS (SELECT 1 FROM orders WHERE sale = ?1 AND position = ?2)
                AND NOT EXISTS (SELECT 1 FROM dead_letters
                    WHERE sale = ?1 AND position = ?2 AND stream_id <> ?4 AND resolution IS NULL)
            ON CONFLICT DO NOTHING
            """,
            [
                .text("\(sale)"), .integer(position), .integer(letter.quantity ?? 0), .text(id), .text(reason),
                .integer(now.value),
            ])
        if voided == 1 {
            try extendLedger(of: sale, with: .void(position: position, quantity: letter.quantity ?? 0, at: now))
        }
        return DeadLetterResult(
            id: id, outcome: .discarded, message: voided == 1 ? "position \(position) is void" : "")
    }

    private func skipped(_ letter: DeadLetter) -> DeadLetterResult? {
        guard let resolution = letter.resolution else { return nil }
        let since = letter.resolvedAt?.rfc3339 ?? "-"
        return DeadLetterResult(
            id: letter.streamID, outcome: .skipped, message: "was \(resolution.rawValue) at \(since)",
            resolution: resolution)
    }

    private func resolve(
        _ sale: SaleID, _ id: String, _ resolution: DeadLetter.Resolution
    ) throws(StoreError) {
        try database.run(
            "UPDATE dead_letters SET resolution = ?3, resolved_at_ms = ?4 WHERE sale = ?1 AND stream_id = ?2",
            [
                .text("\(sale)"), .text(id), .text(resolution.rawValue), .integer(UnixMilliseconds.now.value),
            ])
    }

    private func audit(
        _ action: String, _ sale: SaleID, _ id: String, _ reason: String, _ result: DeadLetterResult
    ) throws(StoreError) {
        let outcome = result.message.isEmpty ? result.outcome.rawValue : "\(result.outcome.rawValue): \(result.message)"
        try audit(action, sale, subject: id, reason: reason, outcome: outcome)
    }

    /// Notes what an operator did, within the open transaction.
    func audit(
        _ action: String, _ sale: SaleID, subject: String, reason: String, outcome: String
    ) throws(StoreError) {
        try database.run(
            "INSERT INTO audit (at_ms, action, sale, subject, reason, outcome) VALUES (?, ?, ?, ?, ?, ?)",
            [
                .integer(UnixMilliseconds.now.value), .text(action), .text("\(sale)"), .text(subject), .text(reason),
                .text(outcome),
            ])
    }

    /// Runs `body` in one transaction; `rehearsing` takes back whatever it did.
    private func transaction<R>(rehearsing: Bool, _ body: () throws(StoreError) -> R) throws(StoreError) -> R {
        guard rehearsing else { return try transaction(body) }
        try database.execute("BEGIN IMMEDIATE")
        defer {
            try? database.execute("ROLLBACK")
            known = [:]
            soldSeconds = [:]
        }
        return try body()
    }
}
