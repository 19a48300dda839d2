import Shared

/// A sale's page.
extension ByteBuffer {
    /// Appends a sale as anyone may see it. Without `serverTime` this is the part that its entity tag covers.
    mutating func append(_ status: SaleStatus, serverTime: UnixMilliseconds?) {
        append("{")
        appendMember("sale", status.sale)
        appendMember("title", status.title)
        appendMember("state", status.state.rawValue)
        appendMember("opens_at", time: status.opensAt)
        appendMember("closes_at", time: status.closesAt)
        appendMember("stock", status.stockTotal)
        appendMember("remaining", status.remaining)
        appendMember("max_per_buyer", status.maxPerBuyer)
        if let serverTime { appendMember("server_time", time: serverTime) }
        appendMember("queue")
        append(status.settings.waitingRoom)
        append("}")
    }
}
