package import Shared

/// Redriving and discarding dead letters.
extension OrderStore {
    /// Tries dead letters once more, as if the stream brought them. Each try is on the audit. A rehearsal returns what
    /// would happen and changes nothing.
    ///
    /// Also returns the sale's persisted position.
    ///
    /// - Parameter live: the sale on the Redis that serves it; nil if none does.
    package func redrive(
        _ sale: SaleID, _ ids: [String], reason: String, live: SaleStatus? = nil, rehearsing: Bool
    ) throws(StoreError) -> (results: [DeadLetterResult], persistedPosition: Int) {
        if !rehearsing { try auditDangers(sale, ids, reason) }
        return try transaction(rehearsing: rehearsing) { () throws(StoreError) in
            var results: [DeadLetterResult] = []
            for id in ids {
                let result = try redrive(sale, id, live)
                try audit("redrive", sale, id, reason, result)
                results.append(result)
            }
            // Dead letters are older than the sale's last entry, which stays.
            return (results, try conclude(sale))
        }
    }

    /// Puts the tries that may kill this process on the audit before they are made: what is written together with such
    /// a try would be lost with it.
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

    private func redrive(_ sale: SaleID, _ id: String, _ live: SaleStatus?) throws(StoreError) -> DeadLetterResult {
        guard let letter = try database.deadLetter(sale, id) else { return DeadLetterResult(id: id, outcome: .unknown) }
        if let result = skipped(letter) { return result }
        guard let fields = letter.fields else {
            return DeadLetterResult(id: id, outcome: .failedAgain, message: "its fields are not in SQLite")
        }
        let entry = StreamEntry(id: id, fields: fields)
        let outcome: DeadLetterResult.Outcome
        switch try isolated(sale, entry, { () throws(StoreError) in try storeAgain(sale, entry, live) }) {
        case .stored: outcome = .applied
        case .alreadyStored: outcome = .alreadyThere
        case .rejected(let rejection):
            return DeadLetterResult(id: id, outcome: .failedAgain, message: rejection.message)
        case .alreadyRejected:
            let message = try database.deadLetter(sale, id)?.message ?? ""
            return DeadLetterResult(id: id, outcome: .failedAgain, message: message)
        }
        try resolve(sale, id, .redriven)
        return DeadLetterResult(id: id, outcome: outcome)
    }

    private func storeAgain(
        _ sale: SaleID, _ entry: StreamEntry, _ live: SaleStatus?
    ) throws(StoreError) -> Outcome {
        let outcome = try applyEntry(sale, entry)
        guard outcome == .alreadyStored, case .set(let change)? = try? entry.event(of: sale) else { return outcome }
        return try storeOvertaken(change, of: sale, entry, live: live)
    }

    /// Decides that dead letters will never be stored. If one is an order that nobody has, its position becomes void:
    /// on the ledger, and permanently. Its units stay sold.
    ///
    /// - Parameter given: the last position that the sale has given. An entry that claims a later one made it up, and
    ///   must not take that position from the buyer who will get it.
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

    private func discard(
        _ sale: SaleID, _ id: String, _ reason: String, _ given: Int
    ) throws(StoreError) -> DeadLetterResult {
        guard let letter = try database.deadLetter(sale, id) else { return DeadLetterResult(id: id, outcome: .unknown) }
        if let result = skipped(letter) { return result }
        try resolve(sale, id, .discarded)
        guard let position = letter.position, position <= given, try knownSale(sale) != nil else {
            return DeadLetterResult(id: id, outcome: .discarded)
        }
        let isVoid = try void(sale, position, letter, reason)
        return DeadLetterResult(id: id, outcome: .discarded, message: isVoid ? "position \(position) is void" : "")
    }

    /// Makes the orders void that were discarded before their sale could be stored. What is older than its creation is
    /// of another sale of this name.
    func voidDiscarded(_ sale: SaleID, after created: StreamID) throws(StoreError) {
        let discarded = try database.all(
            """
            SELECT stream_id, coalesce((SELECT reason FROM audit WHERE audit.sale = letter.sale
                AND subject = stream_id AND action = 'discard' ORDER BY id DESC LIMIT 1), '')
            FROM dead_letters AS letter WHERE sale = ? AND resolution = 'discarded' AND position IS NOT NULL
            ORDER BY position
            """, [.sale(sale)]
        ) { (id: $0.text(0), reason: $0.text(1)) }
        for (id, reason) in discarded where StreamID(id) > created {
            guard let letter = try database.deadLetter(sale, id), let position = letter.position,
                isGiven(position, of: sale)
            else { continue }
            _ = try void(sale, position, letter, reason)
        }
    }

    /// Makes the position of a discarded dead letter void; false if it may be somebody else's.
    private func void(
        _ sale: SaleID, _ position: Int, _ letter: DeadLetter, _ reason: String
    ) throws(StoreError) -> Bool {
        let quantity = letter.quantity ?? 0
        let now = UnixMilliseconds.now
        // A dead letter that contradicts a stored order has that order's position, and no unit of its own. Another dead
        // letter that is still open may be the order that the position belongs to.
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
                .sale(sale), .integer(position), .integer(quantity), .text(letter.streamID), .text(reason), .time(now),
            ])
        guard voided == 1 else { return false }
        try extendLedger(of: sale, with: .void(position: position, quantity: quantity, at: now))
        return true
    }

    private func skipped(_ letter: DeadLetter) -> DeadLetterResult? {
        guard let resolution = letter.resolution else { return nil }
        let since = letter.resolvedAt?.rfc3339 ?? "-"
        return DeadLetterResult(
            id: letter.streamID, outcome: .skipped, message: "was \(resolution.rawValue) at \(since)",
            resolution: resolution)
    }

    /// Closes a dead letter, if it is open.
    func resolve(_ sale: SaleID, _ id: String, _ resolution: DeadLetter.Resolution) throws(StoreError) {
        try database.run(
            """
            UPDATE dead_letters SET resolution = ?3, resolved_at_ms = ?4
            WHERE sale = ?1 AND stream_id = ?2 AND resolution IS NULL
            """, [.sale(sale), .text(id), .text(resolution.rawValue), .time(.now)])
    }

    private func audit(
        _ action: String, _ sale: SaleID, _ id: String, _ reason: String, _ result: DeadLetterResult
    ) throws(StoreError) {
        let outcome = result.message.isEmpty ? result.outcome.rawValue : "\(result.outcome.rawValue): \(result.message)"
        try audit(action, sale, subject: id, reason: reason, outcome: outcome)
    }
}
