import HTTPEdge
import Shared

/// What a waiting room refuses.
///
/// A ticket that was not given to this buyer for this sale will never be a credential for the request: 403. A refusal
/// that passes with time, or that joining again fixes, is a conflict with the current state: 409.
extension Problem {
    static let noWaitingRoom = Problem(
        "no-waiting-room", .conflict, "No waiting room", "This sale has no waiting room: buy without a ticket.")
    static let ticketRequired = Problem(
        "ticket-required", .conflict, "Ticket required",
        "This sale has a waiting room. Join it, and send its ticket: Sale-Ticket.")
    static let ticketForged = Problem(
        "ticket-forged", .forbidden, "Ticket forged", "Sale-Ticket is not one ticket that was signed here.")
    static let ticketForeign = Problem(
        "ticket-foreign", .forbidden, "Ticket foreign", "The ticket is of another sale.")
    static let ticketOfAnother = Problem(
        "ticket-of-another", .forbidden, "Ticket of another buyer", "The ticket was given to another buyer.")
    static let ticketOutdated = Problem(
        "ticket-outdated", .conflict, "Ticket outdated",
        "The waiting room has been rebuilt since. Join again: a position that was not lost stays the same.")
    static let turnNotYet = Problem(
        "turn-not-yet", .conflict, "Turn not yet", "It is not this ticket's turn yet. Try again with the same key.")
    static let turnMissed = Problem(
        "turn-missed", .conflict, "Turn missed", "This ticket's turn is over. Join again for a new one.")
    static let queueBodyMalformed = Problem(
        "malformed-body", .badRequest, "Malformed body", "The body is empty or {}.")

    /// The problem with a ticket that was not given to this buyer for this sale.
    static func ticket(_ fault: Ticket.Fault) -> Problem {
        switch fault {
        case .forged: .ticketForged
        case .foreign: .ticketForeign
        case .other: .ticketOfAnother
        }
    }
}
