/// A sale's waiting room at one instant, as queue.lua reads it.
package struct QueueStatus: Equatable, Sendable {
    package var sale: SaleID
    package var uuid: String
    package var epoch: Int
    package var room: WaitingRoom
    /// No window is counted from before this time: it begins anew where a pause or a fence of the sale has ended.
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

    /// People whose turn comes before that of `position`. Positions above what is admitted have no gap: only turns that
    /// passed without anybody there are ever left out (join.lua).
    package func ahead(of position: Int, at now: UnixMilliseconds) -> Int {
        max(0, position - 1 - room.schedule.admitted(at: now))
    }

    /// When a turn that begins at `turn` is over.
    package func expiry(of turn: UnixMilliseconds) -> UnixMilliseconds {
        room.expiry(of: turn, turnsSince: turnsSince)
    }
}
