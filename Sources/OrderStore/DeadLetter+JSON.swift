package import Shared

extension DeadLetter {
    /// `open`, or what was decided.
    package var state: String { resolution?.rawValue ?? "open" }

    /// Appends all members except the fields, without braces.
    package func append(to text: inout ByteBuffer) {
        text.appendMember("sale", sale)
        text.appendMember("letter", streamID)
        text.appendMember("state", state)
        text.appendMember("reason", reason)
        text.appendMember("message", message)
        text.appendMember("stage", stage)
        text.appendMember("position", position)
        text.appendMember("quantity", quantity)
        text.appendMember("attempts", attempts)
        text.appendMember("first_failed_at", time: firstFailedAt)
        text.appendMember("last_failed_at", time: lastFailedAt)
        text.appendMember("worker", worker)
        text.appendMember("release", release)
        text.appendMember("moved_at", time: movedAt)
        text.appendMember("resolved_at", time: resolvedAt)
    }
}
