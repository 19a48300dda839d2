import Testing

/// What must hold of any history of attempts, whatever went wrong meanwhile.
enum HistoryChecks {
    /// First come, first served: sorted by the moment of pressing, each position is greater than every position that had
    /// been answered before that moment. Positions are a total order, so this is all that can be asked.
    static func expectFirstComeFirstServed(_ attempts: [SaleSystem.Attempt]) {
        // The first answer of each win counts; a replay repeats an old position by design.
        var firstAnswer: [Int: SaleSystem.Attempt] = [:]
        for attempt in attempts {
            guard attempt.won, let position = attempt.position, let answered = attempt.resp_ns else { continue }
            if let known = firstAnswer[position], known.resp_ns! <= answered { continue }
            firstAnswer[position] = attempt
        }
        // A buyer's first press with a key is the invocation: the decision can't have been made before it.
        var pressed: [String: UInt64] = [:]
        for attempt in attempts {
            pressed[attempt.key] = min(pressed[attempt.key] ?? .max, attempt.inv_ns)
        }
        let byPress = firstAnswer.values.sorted { $0.inv_ns < $1.inv_ns }
        let byAnswer = firstAnswer.values.sorted { $0.resp_ns! < $1.resp_ns! }
        var answered = 0
        var highest = 0
        var inversions: [String] = []
        for attempt in byPress {
            while answered < byAnswer.count, byAnswer[answered].resp_ns! < pressed[attempt.key]! {
                highest = max(highest, byAnswer[answered].position!)
                answered += 1
            }
            // An attempt that was not the first may repeat a decision that an earlier, unanswered one brought about.
            if attempt.inv_ns == pressed[attempt.key]!, attempt.position! <= highest {
                inversions.append("\(attempt.buyer) got \(attempt.position!), \(highest) had been answered before")
            }
        }
        #expect(inversions.isEmpty, "\(inversions.prefix(3))")
    }

    /// A key that has won gives the same position for ever, and no position belongs to two keys.
    static func expectOneOrderPerKey(_ attempts: [SaleSystem.Attempt]) {
        var positionOfKey: [String: Int] = [:]
        var keyOfPosition: [Int: String] = [:]
        for attempt in attempts where attempt.won {
            guard let position = attempt.position else {
                Issue.record("a win without a position: \(attempt)")
                continue
            }
            #expect(positionOfKey.updateValue(position, forKey: attempt.key) ?? position == position)
            #expect(keyOfPosition.updateValue(attempt.key, forKey: position) ?? attempt.key == attempt.key)
        }
        // Once won, never refused: what is asked after a win was known must be answered with that win.
        var knownWin: [String: UInt64] = [:]
        for attempt in attempts where attempt.won {
            knownWin[attempt.key] = min(knownWin[attempt.key] ?? .max, attempt.resp_ns ?? .max)
        }
        for attempt in attempts where attempt.problem == "sold-out" {
            #expect(knownWin[attempt.key] ?? .max >= attempt.inv_ns, "\(attempt.buyer) was told sold out after winning")
        }
    }

    /// "Sold out" only when true: nobody was told so before the purchase that took the last unit had begun.
    static func expectSoldOutOnlyWhenTrue(_ attempts: [SaleSystem.Attempt], stock: Int) {
        let wins = attempts.filter(\.won)
        guard wins.contains(where: { $0.position == stock }) else { return }
        // Every unit's purchase must have begun before the first "sold out" was answered.
        var pressed: [String: UInt64] = [:]
        for attempt in attempts { pressed[attempt.key] = min(pressed[attempt.key] ?? .max, attempt.inv_ns) }
        let lastBegun = wins.compactMap { pressed[$0.key] }.max() ?? 0
        let firstSoldOut = attempts.filter { $0.problem == "sold-out" }.compactMap(\.resp_ns).min() ?? .max
        #expect(firstSoldOut >= lastBegun)
    }
}
