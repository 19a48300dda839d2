import Foundation
import Glibc
import Shared
import Synchronization

/// Stands between a client and a server on Unix sockets, and loses a reply when told to: the server has done what was
/// asked, and the client never learns.
package final class LossyProxy: Sendable {
    private final class State: Sendable {
        let losing = Atomic(false)
        let lost = Atomic(0)
    }

    private let state = State()
    private let listener: Int32

    /// Listens on `path` and forwards to `target`.
    package init(_ path: String, to target: String) throws {
        let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        self.listener = listener
        let bound = SocketAddress.unix(path: path).withSockaddr { bind(listener, $0, $1) }
        guard bound == 0, listen(listener, 64) == 0 else { throw FileError() }
        let state = state
        Thread.detachNewThread {
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0 else { return }
                let server = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
                guard SocketAddress.unix(path: target).withSockaddr({ connect(server, $0, $1) }) == 0 else {
                    close(server)
                    close(client)
                    continue
                }
                Self.forward(client, server, state)
            }
        }
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    /// Loses the next reply to a script that decides, which is an array, and the connection with it. What sale-api writes
    /// by itself meanwhile is answered by a number.
    package func loseNextReply() { state.losing.store(true, ordering: .releasing) }

    /// Replies lost so far.
    package var lost: Int { state.lost.load(ordering: .relaxed) }

    /// Forwards both ways until either side closes; the thread of replies closes both descriptors.
    private static func forward(_ client: Int32, _ server: Int32, _ state: State) {
        let requests = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            pump(from: client, to: server) { _ in true }
            requests.signal()
        }
        Thread.detachNewThread {
            pump(from: server, to: client) { chunk in
                // At the front, or behind the reply to something else.
                let starts =
                    [chunk.first == UInt8(ascii: "*")] + zip(chunk, chunk.dropFirst()).map { $0 == 10 && $1 == 42 }
                let lose = starts.contains(true) && state.losing.exchange(false, ordering: .acquiringAndReleasing)
                if lose { state.lost.add(1, ordering: .relaxed) }
                return !lose
            }
            requests.wait()
            close(client)
            close(server)
        }
    }

    private static func pump(from source: Int32, to target: Int32, _ passes: (ArraySlice<UInt8>) -> Bool) {
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(source, &chunk, chunk.count, 0)
            guard count > 0, passes(chunk[..<count]), send(target, chunk, count, Int32(MSG_NOSIGNAL)) == count else {
                break
            }
        }
        shutdown(source, Int32(SHUT_RDWR))
        shutdown(target, Int32(SHUT_RDWR))
    }
}
