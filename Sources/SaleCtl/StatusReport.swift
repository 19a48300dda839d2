import OrderStore
import Shared

/// A sale as the operator sees it.
struct StatusReport {
    let status: SaleStatus
    /// Whether the Redis that answered may sell it.
    let served: Bool
    /// Entries of its dlq stream.
    let deadLetters: Int
    /// Its waiting room, where it has one.
    var queue: QueueStatus?
    /// What SQLite says of it beside that, where it was asked: when it was archived, and what is lost.
    var archivedAt: UnixMilliseconds?
    var losses: [StoredSale.Loss] = []

    /// Units sold.
    var sold: Int { status.stockTotal - status.remaining }
    /// Orders that SQLite does not have yet.
    var backlog: Int { max(0, status.position - status.persistedPosition) }
    /// Its state; `archived`, or `fenced`, which come before any other: it sells nothing.
    var state: String { archivedAt != nil ? "archived" : served ? status.state.rawValue : "fenced" }

    var lines: [(name: String, value: String)] {
        let lost = losses.map { loss in
            (
                name: "lost",
                value: "positions \(loss.positions.lowerBound) to \(loss.positions.upperBound), \(loss.units) units "
                    + (loss.isReleased ? "released" : "withheld")
            )
        }
        return [
            ("sale", "\(status.sale)"), ("title", status.title), ("state", state), ("stock", "\(status.stockTotal)"),
            ("sold", "\(sold)"), ("remaining", "\(status.remaining)"), ("position", "\(status.position)"),
            ("persisted", "\(status.persistedPosition)"), ("backlog", "\(backlog)"),
            ("dead_letters", "\(deadLetters)"), ("max_per_buyer", "\(status.maxPerBuyer)"),
            ("opens_at", status.opensAt?.rfc3339 ?? "-"), ("closes_at", status.closesAt?.rfc3339 ?? "-"),
            ("paused", status.paused ? "yes" : "no"), ("epoch", "\(status.epoch)"), ("uuid", status.uuid),
            ("serving_run_id", status.servingRunID), ("redis_time", status.readAt.rfc3339),
            ("archived_at", archivedAt?.rfc3339 ?? "-"),
        ] + waitingRoom + lost
    }

    private var waitingRoom: [(name: String, value: String)] {
        guard let queue else { return [("waiting_room", "none")] }
        return [
            ("waiting_room", queue.room.schedule.last.label),
            ("turn_window", "\(queue.room.turnWindowMilliseconds / 1000)s"), ("joined", "\(queue.joined)"),
            ("admitted_through", "\(queue.admittedThrough(at: queue.readAt))"), ("waiting", "\(queue.waiting)"),
        ]
    }

    private func append(_ queue: QueueStatus?, to json: inout ByteBuffer) {
        json.appendMember("queue")
        guard let queue else { return json.append("null") }
        json.append("{")
        json.appendMember("rate", queue.room.schedule.last.rate)
        json.appendMember("paused", queue.room.schedule.last.isPaused)
        json.appendMember("turn_window_ms", queue.room.turnWindowMilliseconds)
        json.appendMember("schedule", queue.room.schedule.text)
        json.appendMember("joined", queue.joined)
        json.appendMember("admitted_through", queue.admittedThrough(at: queue.readAt))
        json.appendMember("waiting", queue.waiting)
        json.append("}")
    }

    func append(to json: inout ByteBuffer) {
        json.append("{")
        json.appendMember("sale", "\(status.sale)")
        json.appendMember("title", status.title)
        json.appendMember("state", state)
        json.appendMember("stock", status.stockTotal)
        json.appendMember("sold", sold)
        json.appendMember("remaining", status.remaining)
        json.appendMember("position", status.position)
        json.appendMember("persisted", status.persistedPosition)
        json.appendMember("backlog", backlog)
        json.appendMember("dead_letters", deadLetters)
        json.appendMember("max_per_buyer", status.maxPerBuyer)
        json.appendMember("opens_at", time: status.opensAt)
        json.appendMember("closes_at", time: status.closesAt)
        json.appendMember("paused", status.paused)
        json.appendMember("epoch", status.epoch)
        json.appendMember("uuid", status.uuid)
        json.appendMember("serving_run_id", status.servingRunID)
        json.appendMember("redis_time", time: status.readAt)
        json.appendMember("archived_at", time: archivedAt)
        append(queue, to: &json)
        json.appendMember("lost", each: losses) { json, loss in
            json.append("{")
            json.appendMember("first_position", loss.positions.lowerBound)
            json.appendMember("last_position", loss.positions.upperBound)
            json.appendMember("units", loss.units)
            json.appendMember("released", loss.isReleased)
            json.append("}")
        }
        json.append("}")
    }

    var json: String {
        var text = ByteBuffer(capacity: 512)
        append(to: &text)
        return text.string
    }
}
