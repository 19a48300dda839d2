import EventLoop

/// What Redis says, read once for all who ask at the same time, and at most `freshMilliseconds` old.
final class SharedRead<Value> {
    struct Snapshot {
        let value: Value
        let takenAt: Instant
    }

    private static var freshMilliseconds: Int { 100 }

    private let loop: EventLoop
    /// What Redis last said; nil if it did not.
    private var latest: Snapshot?
    /// While there are any, a read is under way.
    private var waiting: [(Snapshot?) -> Void] = []
    /// How many reads have ended.
    private var ended = 0

    init(loop: EventLoop) { self.loop = loop }

    /// How many wait for a read.
    var count: Int { waiting.count }

    var fresh: Snapshot? {
        guard let latest, loop.now < latest.takenAt.advanced(milliseconds: Self.freshMilliseconds) else { return nil }
        return latest
    }

    /// Calls `body` when the read ends that is under way; `read` begins one if there is none. It gets what to call with
    /// the value, or with nil if Redis could not say.
    func ask(_ body: @escaping (Snapshot?) -> Void, read: (_ end: @escaping (Value?) -> Void) -> Void) {
        waiting.append(body)
        guard waiting.count == 1 else { return }
        let number = ended
        read { [weak self] value in
            // A read that was ended before is of a Redis that was lost: it may be another one by now.
            guard let self, ended == number else { return }
            end(value)
        }
    }

    /// Redis is gone: whoever waits is told so.
    func redisBecameUnavailable() { end(nil) }

    private func end(_ value: Value?) {
        ended += 1
        latest = value.map { Snapshot(value: $0, takenAt: loop.now) }
        let bodies = waiting
        waiting = []
        for body in bodies { body(latest) }
    }
}
