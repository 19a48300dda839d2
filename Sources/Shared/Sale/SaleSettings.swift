/// What may change about a sale while it exists.
package struct SaleSettings: Equatable, Sendable {
    /// nil if it stays as it is.
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

    init(_ reader: FieldReader) throws(OrderEvent.Malformed) {
        title = try reader.optional("title")
        opensAt = try reader.time("opens_at")
        closesAt = try reader.time("closes_at")
        paused = try reader.integer("paused", in: 0...1) == 1
        waitingRoom = try reader.waitingRoom()
    }
}
