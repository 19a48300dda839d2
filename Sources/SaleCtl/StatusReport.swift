import OrderStore
import Shared

/// A sale as the operator sees it.
struct StatusReport {
    let status: SaleStatus
    /// Whether the Redis that answered may sell it.
    let served: Bool
    /// Those that nobody has decided about; if SQLite was not asked, all entries of its dlq stream.
    let deadLetters: Int
    /// Its waiting room, if it has one and Redis knows who is in it.
    var queue: QueueStatus?
    /// What SQLite adds, if it was asked: when the sale was archived, and what is lost.
    var archivedAt: UnixMilliseconds?
    var losses: [StoredSale.Loss] = []

    /// Units sold.
    var sold: Int { status.stockTotal - status.remaining }
    /// Orders that SQLite does not have yet.
    var backlog: Int { max(0, status.position - status.persistedPosition) }
    /// Its state. `archived` and `fenced` come before any other: such a sale sells nothing.
    var state: String { archivedAt != nil ? "archived" : served ? status.state.rawValue : "fenced" }

    /// Its state and what is paused, as in `scheduled, paused`.
    var standing: String {
        ([state] + status.pauses.map(\.label).filter { $0 != state }).joined(separator: ", ")
    }

    private var figures: Figures {
        [
            "sale": .text("\(status.sale)"), "title": .text(status.title), "state": .text(state),
            "stock": .number(status.stockTotal), "sold": .number(sold), "remaining": .number(status.remaining),
            "position": .number(status.position), "persisted": .number(status.persistedPosition),
            "backlog": .number(backlog), "dead_letters": .number(deadLetters),
            "max_per_buyer": .number(status.maxPerBuyer), "opens_at": .time(status.opensAt),
            "closes_at": .time(status.closesAt), "paused": .flag(status.paused), "epoch": .number(status.epoch),
            "uuid": .text(status.uuid),
            "serving_run_id": .text(status.servingRunID.isEmpty ? nil : status.servingRunID),
            "redis_time": .time(status.readAt), "archived_at": .time(archivedAt),
        ]
    }

    func print(json isJSON: Bool) {
        if isJSON { Output.line(json) } else { Output.print(lines) }
    }

    // MARK: For people

    var lines: [(name: String, value: String)] { figures.lines + waitingRoom + losses.lines }

    private var waitingRoom: [(name: String, value: String)] {
        guard let room else { return [("waiting_room", "none")] }
        let settings = [
            ("waiting_room", room.schedule.last.label), ("turn_window", "\(room.turnWindowMilliseconds / 1000)s"),
        ]
        guard let queue else { return settings }
        return settings + [
            ("joined", "\(queue.joined)"), ("admitted_through", "\(queue.admittedThrough(at: queue.readAt))"),
            ("waiting", "\(queue.waiting)"),
        ]
    }

    private var room: WaitingRoom? { queue?.room ?? status.settings.waitingRoom }

    // MARK: For programs

    var json: String { ByteBuffer.json(append) }

    /// Appends all members, without braces.
    func append(to json: inout ByteBuffer) {
        figures.append(to: &json)
        json.appendMember("queue", object: room) { json, room in
            json.appendMember("rate", room.schedule.last.rate)
            json.appendMember("paused", room.schedule.last.isPaused)
            json.appendMember("turn_window_ms", room.turnWindowMilliseconds)
            json.appendMember("schedule", room.schedule.text)
            json.appendMember("joined", queue?.joined)
            json.appendMember("admitted_through", queue.map { $0.admittedThrough(at: $0.readAt) })
            json.appendMember("waiting", queue?.waiting)
        }
        losses.append(to: &json)
    }
}

extension SaleStatus.Pause {
    var label: String {
        switch self {
        case .sale: "paused"
        case .admission: "admission paused"
        }
    }
}

extension [StoredSale.Loss] {
    var lines: [(name: String, value: String)] {
        map { loss in
            (
                name: "lost",
                value: "positions \(loss.positions.lowerBound) to \(loss.positions.upperBound), \(loss.units) units "
                    + (loss.isReleased ? "released" : "withheld")
            )
        }
    }

    /// Appends the member `lost`.
    func append(to json: inout ByteBuffer) {
        json.appendMember("lost", objects: self) { json, loss in
            json.appendMember("first_position", loss.positions.lowerBound)
            json.appendMember("last_position", loss.positions.upperBound)
            json.appendMember("units", loss.units)
            json.appendMember("released", loss.isReleased)
        }
    }
}
