/// What may change about a sale while it exists, besides its title and its stock.
package struct SaleSettings: Equatable, Sendable {
    package var opensAt: UnixMilliseconds?
    package var closesAt: UnixMilliseconds?
    package var paused: Bool
    /// nil if the sale has none.
    package var waitingRoom: WaitingRoom?

    package init(
        opensAt: UnixMilliseconds?, closesAt: UnixMilliseconds?, paused: Bool, waitingRoom: WaitingRoom? = nil
    ) {
        self.opensAt = opensAt
        self.closesAt = closesAt
        self.paused = paused
        self.waitingRoom = waitingRoom
    }
}
