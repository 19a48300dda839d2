import Shared

/// The elements of a script's reply, by index. One that isn't what the script promises is an error that names both.
struct ScriptReply: ~Escapable {
    private let script: StaticString
    private let value: RedisValue

    /// - Parameter script: its file, for errors.
    @_lifetime(copy value)
    init(_ value: RedisValue, of script: StaticString) {
        self.value = value
        self.script = script
    }

    func text(_ index: Int) throws(RedisError) -> String {
        let element = value[index]
        guard let text = element.string else { throw unexpected("value \(index + 1) is not text") }
        return text
    }

    /// A number of the sale, which has this name. One that isn't there reads as `missing`, if that is given.
    func number(_ index: Int, _ name: String, _ missing: Int? = nil) throws(RedisError) -> Int {
        let element = value[index]
        guard let number = element.integer ?? missing else {
            throw unexpected("\(name) of the sale is missing from Redis")
        }
        return number
    }

    /// A time in milliseconds; nil if it is 0, which stands for unset.
    func time(_ index: Int, _ name: String) throws(RedisError) -> UnixMilliseconds? {
        let value = try number(index, name)
        return value == 0 ? nil : UnixMilliseconds(value)
    }

    /// The schedule and the window of a waiting room; nil if the schedule is "".
    func waitingRoom(_ admission: Int, _ window: Int) throws(RedisError) -> WaitingRoom? {
        let (schedule, milliseconds) = (value[admission], value[window])
        guard let text = schedule.string, !text.isEmpty else { return nil }
        guard let room = WaitingRoom(admission: text, turnWindow: milliseconds.integer ?? 0) else {
            throw unexpected("admission of the sale is no schedule")
        }
        return room
    }

    private func unexpected(_ what: String) -> RedisError { RedisError(.unexpectedReply, "\(script)", what) }
}
