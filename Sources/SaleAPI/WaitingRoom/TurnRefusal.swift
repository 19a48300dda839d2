import Shared

/// Why a purchase is refused in a sale with a waiting room.
enum TurnRefusal: Equatable {
    case ticketRequired
    /// The ticket was not given to this buyer for this sale.
    case ticketInvalid(Ticket.Fault)
    /// The ticket belongs to an earlier sale of this name, or to an epoch whose positions were lost.
    case ticketOutdated
    /// When the turn begins; nil while admission is paused.
    case notYet(UnixMilliseconds?)
    /// When the turn began; nil if nobody knows any more.
    case missed(UnixMilliseconds?)
}
