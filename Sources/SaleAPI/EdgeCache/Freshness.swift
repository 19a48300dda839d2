/// How far our knowledge of a sold-out sale can be relied on, by its age and by the state of Redis. All in
/// milliseconds.
struct Freshness {
    /// What may be answered without asking Redis.
    enum Use: Equatable {
        case everything
        /// That somebody has won, which is permanently true.
        case wins
        case nothing
    }

    /// Greatest age while Redis answers.
    static let staleMilliseconds = 1000
    /// Greatest age of "sold out" while Redis does not answer. After a restock, a process that is cut off from a Redis
    /// that others still use may be wrong for this long. A failover takes ten seconds.
    static let outageMilliseconds = 300_000

    /// Since Redis was last asked and answered, confirmed, that nothing is left.
    var age: Int
    /// Since anybody pressed. After a quiet while Redis decides again, instead of what was known up to a second before.
    var quietFor: Int
    /// Whether Redis can be asked.
    var isReady: Bool
    /// Since Redis became ready: it may not have answered any question since then.
    var readyFor: Int
    /// Since Redis was asked and answered that it must not sell the sale yet, or has lost it; nil if it sells the sale.
    var unservedFor: Int?

    var use: Use {
        if isReady {
            if max(age, quietFor) <= Self.staleMilliseconds { return .everything }
            let isUnserved = unservedFor.map { $0 <= Self.staleMilliseconds } ?? false
            guard isUnserved || readyFor <= Self.staleMilliseconds else { return .nothing }
        }
        return age <= Self.outageMilliseconds ? .everything : .wins
    }
}
