import Shared

/// What Redis decided on one purchase.
enum Decision: Equatable {
    case secured(position: Int, at: UnixMilliseconds)
    /// The same purchase had won before.
    case replayed(position: Int, at: UnixMilliseconds)
    /// The key had won before, with another quantity.
    case keyReused
    case ended
    case notOpen(opensAt: UnixMilliseconds)
    /// The positions that the buyer has won, as text, `3,17`.
    case limit(orders: String)
    case soldOut
    case paused
    case insufficient(remaining: Int)
    case unknownSale
    /// This Redis has not been reconciled with SQLite: nothing was done.
    case fenced
    /// The sale has a waiting room, and it is not this buyer's turn.
    case turn(TurnRefusal)
}
