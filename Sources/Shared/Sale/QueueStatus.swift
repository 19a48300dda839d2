/// A sale's waiting room at one instant, as read by queue.lua.
package struct QueueStatus: Equatable, Sendable {
    package var sale: SaleID
    package var uuid: String
    package var epoch: Int
    package var room: WaitingRoom
    /// No turn's window is counted from before this time, when the sale's last pause or fence ended; `readAt` while one
    /// lasts.
    package var turnsSince: UnixMilliseconds
    /// The last position given.
    package var lastPosition: Int
    /// Distinct buyers who have joined.
    package var joined: Int
    package var stockTotal: Int
    package var remaining: Int
    package var closesAt: UnixMilliseconds?
    package var pseudonymKey: String
    package var readAt: UnixMilliseconds

    package init(
        sale: SaleID, uuid: String, epoch: Int, room: WaitingRoom, turnsSince: UnixMilliseconds, lastPosition: Int,
        joined: Int, stockTotal: Int, remaining: Int, closesAt: UnixMilliseconds?, pseudonymKey: String,
        readAt: UnixMilliseconds
    ) {
        self.sale = sale
        self.uuid = uuid
        self.epoch = epoch
        self.room = room
        self.turnsSince = turnsSince
        self.lastPosition = lastPosition
        self.joined = joined
        self.stockTotal = stockTotal
        self.remaining = remaining
        self.closesAt = closesAt
        self.pseudonymKey = pseudonymKey
        self.readAt = readAt
    }

    package var isSoldOut: Bool { remaining == 0 }

    /// The last position that somebody holds and whose turn has begun.
    package func admittedThrough(at now: UnixMilliseconds) -> Int {
        min(lastPosition, room.schedule.admitted(at: now))
    }

    /// How many buyers have their turn before `position`. Positions above those admitted have no gaps: join.lua only
    /// ever skips positions whose turn passed before anybody joined.
    package func ahead(of position: Int, at now: UnixMilliseconds) -> Int {
        max(0, position - 1 - room.schedule.admitted(at: now))
    }

    /// When a turn that begins at `turn` is over.
    package func expiry(of turn: UnixMilliseconds) -> UnixMilliseconds {
        room.expiry(of: turn, turnsSince: turnsSince)
    }
}
