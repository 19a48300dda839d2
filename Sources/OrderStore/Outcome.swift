/// What became of one entry.
package enum Outcome: Equatable, Sendable {
    case stored
    /// It had been stored before, with the same content.
    case alreadyStored
    /// It had been rejected before, and is a dead letter.
    case alreadyRejected
    case rejected(Rejection)
}
