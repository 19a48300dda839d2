import Shared

/// What buyers see of a waiting room.
extension ByteBuffer {
    /// Appends a waiting room as anyone may see it. Without `serverTime` this is the part that its entity tag covers.
    mutating func append(_ status: QueueStatus, at now: UnixMilliseconds, serverTime: UnixMilliseconds?) {
        append("{")
        appendMember("sale", status.sale)
        let admitted = status.admittedThrough(at: now)
        appendMember("joined", status.joined)
        appendMember("waiting", status.lastPosition - admitted)
        appendMember("admitted_through", admitted)
        append(shared: status, at: now)
        appendMember("turn_window_seconds", status.room.turnWindowMilliseconds / 1000)
        appendMember("schedule", objects: status.room.schedule.segments) { text, segment in
            text.appendMember("from", time: segment.from)
            text.appendMember("after", segment.after)
            text.appendMember("rate", segment.rate)
            text.appendMember("paused", segment.isPaused)
        }
        if let serverTime { appendMember("server_time", time: serverTime) }
        append("}")
    }

    /// Appends the members of a ticket's place.
    mutating func append(_ status: QueueStatus, _ ticket: Ticket, at now: UnixMilliseconds) {
        appendMember("sale", status.sale)
        var turn: UnixMilliseconds?
        var state = "waiting"
        switch status.room.schedule.turn(of: ticket.position) {
        case .unknown: break
        case .forgotten: state = "missed"
        case .at(let time):
            turn = time
            if now >= time { state = now <= status.expiry(of: time) ? "admitted" : "missed" }
        }
        appendMember("position", ticket.position)
        appendMember("state", state)
        appendMember("ahead", status.ahead(of: ticket.position, at: now))
        appendMember("turn_at", time: turn)
        appendMember("expires_at", time: turn.map { status.expiry(of: $0) })
        appendMember("admitted_through", status.admittedThrough(at: now))
        append(shared: status, at: now)
        appendMember("server_time", time: now)
    }

    private mutating func append(shared status: QueueStatus, at now: UnixMilliseconds) {
        appendMember("rate", status.room.schedule.last.rate)
        appendMember("paused", status.room.schedule.last.isPaused)
        appendMember("remaining", status.remaining)
        appendMember("sold", status.stockTotal - status.remaining)
        appendMember("sold_out", status.isSoldOut)
        appendMember("ended", status.closesAt.map { now >= $0 } ?? false)
    }

    /// Appends the waiting room as a sale's page shows it; null if the sale has none.
    mutating func append(_ room: WaitingRoom?) {
        guard let room else { return append("null") }
        append("{")
        appendMember("rate", room.schedule.last.rate)
        appendMember("paused", room.schedule.last.isPaused)
        appendMember("turn_window_seconds", room.turnWindowMilliseconds / 1000)
        append("}")
    }
}
