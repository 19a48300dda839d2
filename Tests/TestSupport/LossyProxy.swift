import RedisClient
import Shared
import Synchronization

/// A proxy between a client and a server on Unix sockets that loses a reply on demand: the server has done what was
/// asked, and the client never learns of it.
package final class LossyProxy: Sendable {
    private final class State: Sendable {
        let losing = Atomic(false)
        let lost = Atomic(0)
        let forwarded = Mutex("")
    }

    private let state: State
    private let relay: Relay

    /// Listens on `path` and forwards to `target`.
    package init(_ path: String, to target: String) throws {
        let state = State()
        self.state = state
        relay = try Relay(.unix(path: path), to: .unix(path: target)) { direction, piece in
            guard direction == .toClient else { return true }
            let lose = decides(piece) && state.losing.exchange(false, ordering: .acquiringAndReleasing)
            if lose { state.lost.add(1, ordering: .relaxed) }
            return !lose
        } forwarded: { direction, piece in
            guard direction == .toServer else { return }
            state.forwarded.withLock { $0 += String(decoding: piece, as: UTF8.self) }
        }
    }

    /// Loses the next reply of a deciding script, and closes the connection. The replies to what sale-api asks by
    /// itself meanwhile are no arrays, except that to CONFIG GET.
    package func loseNextReply() { state.losing.store(true, ordering: .releasing) }

    /// How many replies were lost so far.
    package var lost: Int { state.lost.load(ordering: .relaxed) }

    /// Whether the server has been sent a command with this argument.
    package func hasForwarded(_ argument: String) -> Bool {
        state.forwarded.withLock {
            $0.utf8.split(separator: UInt8(ascii: "\n")).contains { $0.elementsEqual("\(argument)\r".utf8) }
        }
    }
}

/// Whether a reply of a script begins in a piece: an array, at the start or after the reply to something else.
private func decides(_ piece: ArraySlice<UInt8>) -> Bool {
    let lines = piece.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    return lines.indices.contains { index in
        guard lines[index].first == UInt8(ascii: "*") else { return false }
        // An array of a setting's name and value, and so on: its second line is the name's length.
        let name = lines.dropFirst(index + 2).first.map { String(decoding: $0.dropLast(), as: UTF8.self) }
        return !ServerFacts.settingsRead.contains { $0 == name }
    }
}
