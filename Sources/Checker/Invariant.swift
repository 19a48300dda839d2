/// What must hold of every sale, whatever went wrong meanwhile.
package enum Invariant: String, CaseIterable, Sendable {
    /// No more units are sold than there are, including those that are withheld or among the dead letters.
    case neverOversold = "never_oversold"
    /// With enough demand every unit is sold. One that is withheld, or among the dead letters, was sold as well: to a
    /// buyer who may have been told.
    case neverUndersold = "never_undersold"
    /// Every confirmed order is in SQLite, at the position that the buyer was told and for the same buyer.
    case confirmedIsStored = "confirmed_is_stored"
    /// Every stored order was asked for by its buyer, who may have won; once, and for one unit.
    case storedWasAsked = "stored_was_asked"
    /// No buyer has more units than the sale allows one buyer.
    case limitPerBuyer = "limit_per_buyer"
    /// A key that has won always gets the same answer, and no position belongs to two keys.
    case sameAnswerForEver = "same_answer_for_ever"
    /// A position is greater than every position that was answered before it was asked for.
    case firstComeFirstServed = "first_come_first_served"
    /// "Sold out" is answered only when it is true.
    case soldOutWhenTrue = "sold_out_when_true"
    /// A refusal for good has a reason, and the reason is true: the sale had ended, or the buyer had all it may have.
    /// Neither can change, so the purchase has no order; and nobody who asks after the first "ended" gets a unit.
    case refusedWhenTrue = "refused_when_true"
    /// Positions have no gap, except those recorded as lost.
    case noGaps = "no_gaps"
    /// The stock less what is left equals what is sold, withheld, or among the dead letters.
    case conservation
    /// Redis and SQLite are equal, and nothing waits between them.
    case nothingPending = "nothing_pending"
}

/// One thing that does not hold.
package struct Violation: Equatable, Sendable, CustomStringConvertible {
    package let invariant: Invariant
    /// The line of the log that shows it, if one does.
    package let line: Int?
    package let message: String

    package var description: String {
        "\(invariant.rawValue): \(message)\(line.map { " (line \($0))" } ?? "")"
    }
}
