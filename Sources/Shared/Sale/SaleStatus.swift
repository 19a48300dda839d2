/// A sale at one instant, as read by status.lua.
package struct SaleStatus: Equatable, Sendable {
    package var sale: SaleID
    package var uuid: String
    package var title: String
    package var stockTotal: Int
    /// Units left; -1 if that is missing from Redis, which only a status read `allowingGaps` may say.
    package var remaining: Int
    /// The last position given; -1 likewise.
    package var position: Int
    package var maxPerBuyer: Int
    package var settings: SaleSettings
    package var epoch: Int
    /// The run_id of the Redis that may sell; any other is fenced.
    package var servingRunID: String
    /// Every order up to this position is stored in SQLite, or accounted for there.
    package var persistedPosition: Int
    /// Redis' time when this was read.
    package var readAt: UnixMilliseconds
    /// Whether the buyers' key exists, if there must be buyers.
    package var hasBuyers = true
    /// Whether the orders stream exists.
    package var hasStream = true

    package init(
        sale: SaleID, uuid: String, title: String, stockTotal: Int, remaining: Int, position: Int, maxPerBuyer: Int,
        settings: SaleSettings, epoch: Int, servingRunID: String, persistedPosition: Int, readAt: UnixMilliseconds
    ) {
        self.sale = sale
        self.uuid = uuid
        self.title = title
        self.stockTotal = stockTotal
        self.remaining = remaining
        self.position = position
        self.maxPerBuyer = maxPerBuyer
        self.settings = settings
        self.epoch = epoch
        self.servingRunID = servingRunID
        self.persistedPosition = persistedPosition
        self.readAt = readAt
    }

    package var opensAt: UnixMilliseconds? { settings.opensAt }
    package var closesAt: UnixMilliseconds? { settings.closesAt }
    package var paused: Bool { settings.paused }

    /// Whether stock, position, buyers and stream all exist.
    package var isWhole: Bool { remaining >= 0 && position >= 0 && hasBuyers && hasStream }

    /// Whether the Redis with this run_id may sell it, and has every part of it. Without one nothing is sold: the
    /// scripts take the sale for fenced, whatever its stamp says.
    package func isServed(by runID: String) -> Bool { servingRunID == runID && isWhole }

    package enum State: String, Sendable { case ended, scheduled, soldOut = "sold_out", paused, open }

    /// The first of ended, scheduled, sold_out, paused, open that applies.
    package var state: State {
        if let closesAt, readAt >= closesAt { return .ended }
        if let opensAt, readAt < opensAt { return .scheduled }
        if remaining == 0 { return .soldOut }
        return paused ? .paused : .open
    }

    package enum Pause: Sendable { case sale, admission }

    /// What is paused, unless the sale has ended. `state` does not say it of a sale that is scheduled or sold out,
    /// though that will not sell when it opens or has units again.
    package var pauses: [Pause] {
        guard state != .ended else { return [] }
        return (settings.paused ? [.sale] : [])
            + (settings.waitingRoom?.schedule.last.isPaused == true ? [.admission] : [])
    }
}
