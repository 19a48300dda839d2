/// How a sale admits buyers.
package struct WaitingRoom: Hashable, Sendable {
    package var schedule: AdmissionSchedule
    /// How long a turn lasts.
    package var turnWindowMilliseconds: Int

    /// Two minutes: time for somebody on a slow phone to see that it is their turn, and to press.
    package static let turnWindowDefault = 120_000
    /// From a second to a day.
    package static let turnWindowRange = 1000...86_400_000

    package init(schedule: AdmissionSchedule, turnWindowMilliseconds: Int) {
        self.schedule = schedule
        self.turnWindowMilliseconds = turnWindowMilliseconds
    }

    /// Reads the two fields of a sale or an event; nil if they are not valid.
    package init?(admission: String, turnWindow: Int) {
        guard let schedule = AdmissionSchedule(admission), Self.turnWindowRange.contains(turnWindow) else { return nil }
        self.init(schedule: schedule, turnWindowMilliseconds: turnWindow)
    }

    /// When a turn that begins at `turn` ends. No window is counted from before `turnsSince`, when the sale's last
    /// pause or fence ended.
    package func expiry(of turn: UnixMilliseconds, turnsSince: UnixMilliseconds) -> UnixMilliseconds {
        UnixMilliseconds(max(turn, turnsSince).value + turnWindowMilliseconds)
    }
}
