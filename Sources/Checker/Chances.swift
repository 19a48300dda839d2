import Shared

/// The purchases that may have won, whether or not their buyers know.
struct Chances {
    private struct Chance {
        /// Attempts that may have won by themselves. A 200 need not have: it repeats what an earlier one was answered,
        /// or would have been.
        var attempts = 0
        /// When the first that may have won was sent.
        var asked = Int.max
    }

    private var chances: [Purchase: Chance] = [:]
    private let purchasesOf: [String: [Purchase]]

    init(_ attempts: [Attempt]) {
        for attempt in attempts where attempt.won || attempt.isUnknown {
            var chance = chances[attempt.purchase] ?? Chance()
            if attempt.status != 200 { chance.attempts += 1 }
            chance.asked = min(chance.asked, attempt.invoked)
            chances[attempt.purchase] = chance
        }
        purchasesOf = Dictionary(grouping: chances.keys, by: \.buyer)
    }

    func contains(_ purchase: Purchase) -> Bool { chances[purchase] != nil }

    /// How many may have won a unit besides that of their stored order: those that have none, and those that may have
    /// won again after their first win was lost.
    func count(besides orders: [Purchase: Order]) -> Int {
        chances.count { purchase, chance in orders[purchase] == nil || chance.attempts > 1 }
    }

    /// The others of the same buyer that may have won before this attempt was answered.
    func others(before attempt: Attempt) -> [Purchase] {
        let answered = attempt.responded ?? .max
        return (purchasesOf[attempt.buyer] ?? []).filter { purchase in
            purchase != attempt.purchase && chances[purchase]?.asked ?? .max < answered
        }
    }
}
