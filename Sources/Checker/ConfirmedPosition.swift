/// A position that was confirmed to a buyer: of a unit, or of a ticket.
struct ConfirmedPosition {
    /// Of its first answer.
    var log: Int
    var line: Int
    var purchase: Purchase
    var position: Int
    /// When the attempt that it was given to was sent, at the earliest.
    var asked: Int
    /// When it was first confirmed.
    var answered: Int
}
