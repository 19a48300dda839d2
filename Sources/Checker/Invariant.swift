/// What must hold of every sale, whatever went wrong meanwhile.
package enum Invariant: String, CaseIterable, Sendable {
    /// No more units are sold than there are.
    case neverOversold = "never_oversold"
    /// With enough demand every unit is sold.
    case neverUndersold = "never_undersold"
    /// Every confirmed order is in SQLite, at the confirmed position and for the same buyer.
    case confirmedIsStored = "confirmed_is_stored"
    /// Every stored order was asked for by a buyer who may have won.
    case storedWasAsked = "stored_was_asked"
    /// A key that has won always gets the same answer, and no position belongs to two keys.
    case sameAnswerForEver = "same_answer_for_ever"
    /// A position is greater than every position that was answered before it was asked for.
    case firstComeFirstServed = "first_come_first_served"
    /// "Sold out" is answered only when it is true.
    case soldOutWhenTrue = "sold_out_when_true"
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
