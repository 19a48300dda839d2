import Shared
import Synchronization

/// Stands between a client and a server on Unix sockets, and loses a reply when told to: the server has done what was
/// asked, and the client never learns.
package final class LossyProxy: Sendable {
    private final class State: Sendable {
        let losing = Atomic(false)
        let lost = Atomic(0)
    }

    private let state: State
    private let relay: Relay

    /// Listens on `path` and forwards to `target`.
    package init(_ path: String, to target: String) throws {
        let state = State()
        self.state = state
        relay = try Relay(.unix(path: path), to: .unix(path: target)) { direction, piece in
            guard direction == .toClient else { return true }
            // At the front, or behind the reply to something else.
            let starts =
                [piece.first == UInt8(ascii: "*")] + zip(piece, piece.dropFirst()).map { $0 == 10 && $1 == 42 }
            let lose = starts.contains(true) && state.losing.exchange(false, ordering: .acquiringAndReleasing)
            if lose { state.lost.add(1, ordering: .relaxed) }
            return !lose
        }
    }

    /// Loses the next reply to a script that decides, which is an array, and the connection with it. What sale-api writes
    /// by itself meanwhile is answered by a number.
    package func loseNextReply() { state.losing.store(true, ordering: .releasing) }

    /// Replies lost so far.
    package var lost: Int { state.lost.load(ordering: .relaxed) }
}
