/// What may change about a sale while it exists.
package struct SaleSettings: Equatable, Sendable {
    /// nil if it was not changed, and in a `SaleRecord`, which has its own.
    package var title: String?
    package var opensAt: UnixMilliseconds?
    package var closesAt: UnixMilliseconds?
    package var paused: Bool
    /// nil if the sale has none.
    package var waitingRoom: WaitingRoom?

    package init(
        title: String? = nil, opensAt: UnixMilliseconds?, closesAt: UnixMilliseconds?, paused: Bool,
        waitingRoom: WaitingRoom? = nil
    ) {
        self.title = title
        self.opensAt = opensAt
        self.closesAt = closesAt
        self.paused = paused
        self.waitingRoom = waitingRoom
    }
}
