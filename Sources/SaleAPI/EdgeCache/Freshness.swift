/// How far what is known of a sold-out sale may be relied on, by its age and by what Redis is doing. All in milliseconds.
struct Freshness {
    /// What may be told without asking.
    enum Use: Equatable {
        case everything
        /// That somebody has won: true for ever.
        case wins
        case nothing
    }

    /// How old it may be while Redis answers.
    static let staleMilliseconds = 1000
    /// How old "sold out" may be while Redis does not. A process that is cut off from a Redis with which others go on may be
    /// wrong for so long, after a restock; a failover takes ten seconds.
    static let outageMilliseconds = 300_000

    /// Since Redis was last asked and said, confirmed, that nothing is left.
    var age: Int
    /// Whether Redis can be asked.
    var isReady: Bool
    /// Since it could last not be asked: what has been sent to it since then may not have been answered yet.
    var readyFor: Int
    /// Since it was asked and said that it must not sell the sale yet, or has lost it; nil where it has not said so.
    var unservedFor: Int?

    var use: Use {
        if isReady {
            if age <= Self.staleMilliseconds { return .everything }
            let isUnserved = unservedFor.map { $0 <= Self.staleMilliseconds } ?? false
            guard isUnserved || readyFor <= Self.staleMilliseconds else { return .nothing }
        }
        return age <= Self.outageMilliseconds ? .everything : .wins
    }
}
