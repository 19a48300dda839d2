import Shared
import Synchronization

/// A proxy between a client and a server on Unix sockets that loses a reply on demand: the server has done what was
/// asked, and the client never learns of it.
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
            // At the start, or after the reply to something else.
            let starts =
                [piece.first == UInt8(ascii: "*")] + zip(piece, piece.dropFirst()).map { $0 == 10 && $1 == 42 }
            let lose = starts.contains(true) && state.losing.exchange(false, ordering: .acquiringAndReleasing)
            if lose { state.lost.add(1, ordering: .relaxed) }
            return !lose
        }
    }

    /// Loses the next reply that is an array, which is that of a deciding script, and closes the connection. Replies to
    /// what sale-api writes by itself meanwhile are numbers.
    package func loseNextReply() { state.losing.store(true, ordering: .releasing) }

    /// How many replies were lost so far.
    package var lost: Int { state.lost.load(ordering: .relaxed) }
}
