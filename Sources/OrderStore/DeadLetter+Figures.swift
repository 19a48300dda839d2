package import Shared

extension DeadLetter {
    /// `open`, or what was decided.
    package var state: String { resolution?.rawValue ?? "open" }

    /// Everything except the fields.
    package var figures: Figures {
        [
            "sale": .text("\(sale)"), "letter": .text(streamID), "state": .text(state), "reason": .text(reason),
            "message": .text(message), "stage": .text(stage), "position": .number(position),
            "quantity": .number(quantity), "attempts": .number(attempts),
            "first_failed_at": .time(firstFailedAt), "last_failed_at": .time(lastFailedAt),
            "worker": .text(worker), "release": .text(release), "moved_at": .time(movedAt),
            "resolved_at": .time(resolvedAt),
        ]
    }
}
