/// What an event changes about a sale's title and settings; nil: unchanged. Every other one stays as SQLite has it,
/// because the Redis that wrote the event may be an older copy. Earlier releases wrote all settings.
package struct SettingsChange: Equatable, Sendable {
    package var title: String?
    /// A nil within: there is no such time any more.
    package var opensAt: UnixMilliseconds??
    package var closesAt: UnixMilliseconds??
    package var paused: Bool?
    package var waitingRoom: WaitingRoom?

    package init(
        title: String? = nil, opensAt: UnixMilliseconds?? = nil, closesAt: UnixMilliseconds?? = nil,
        paused: Bool? = nil, waitingRoom: WaitingRoom? = nil
    ) {
        self.title = title
        self.opensAt = opensAt
        self.closesAt = closesAt
        self.paused = paused
        self.waitingRoom = waitingRoom
    }

    /// Whether a sale with this title and these settings is as it says.
    package func holds(title: String, _ settings: SaleSettings) -> Bool {
        var changed = settings
        changed.apply(self)
        return changed == settings && (self.title ?? title) == title
    }

    init(_ reader: FieldReader) throws(OrderEvent.Malformed) {
        title = try reader.optional("title")
        if reader.has("opens_at") { opensAt = .some(try reader.time("opens_at")) }
        if reader.has("closes_at") { closesAt = .some(try reader.time("closes_at")) }
        if reader.has("paused") { paused = try reader.integer("paused", in: 0...1) == 1 }
        waitingRoom = try reader.waitingRoom()
        // Not to be acknowledged: a later release may know what it changes.
        guard self != SettingsChange() else {
            throw OrderEvent.Malformed(message: "it changes no setting that this release knows")
        }
    }
}

extension SaleSettings {
    /// Applies everything but the title, which is not among them.
    package mutating func apply(_ change: SettingsChange) {
        if let opensAt = change.opensAt { self.opensAt = opensAt }
        if let closesAt = change.closesAt { self.closesAt = closesAt }
        if let paused = change.paused { self.paused = paused }
        if let waitingRoom = change.waitingRoom { self.waitingRoom = waitingRoom }
    }
}
