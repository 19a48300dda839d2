import Foundation
import Glibc
package import Shared

/// A relay between clients and a server that forwards what its gate lets pass.
package final class Relay: Sendable {
    package enum Direction: Sendable { case toServer, toClient }

    /// Called with each piece. If it returns false, the piece is lost and its connection ends.
    package typealias Gate = @Sendable (Direction, ArraySlice<UInt8>) -> Bool

    /// Called with each piece that has been forwarded.
    package typealias Witness = @Sendable (Direction, ArraySlice<UInt8>) -> Void

    private let listener: Int32

    /// Listens on `address` until it is released, and forwards to `target`.
    package init(
        _ address: SocketAddress, to target: SocketAddress, _ passes: @escaping Gate,
        forwarded: @escaping Witness = { _, _ in }
    ) throws {
        let listener = Self.streamSocket(address)
        self.listener = listener
        var yes: Int32 = 1
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        let bound = address.withSockaddr { bind(listener, $0, $1) }
        guard bound == 0, listen(listener, 64) == 0 else { throw FileError() }
        Thread.detachNewThread {
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0 else { return }
                let server = Self.streamSocket(target)
                guard target.withSockaddr({ connect(server, $0, $1) }) == 0 else {
                    close(server)
                    close(client)
                    continue
                }
                Self.forward(client, server, passes, forwarded)
            }
        }
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    private static func streamSocket(_ address: SocketAddress) -> Int32 {
        socket(address.family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    }

    /// Forwards both ways until either side closes. The thread for replies closes both descriptors.
    private static func forward(
        _ client: Int32, _ server: Int32, _ passes: @escaping Gate, _ forwarded: @escaping Witness
    ) {
        let requests = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            pump(.toServer, from: client, to: server, passes, forwarded)
            requests.signal()
        }
        Thread.detachNewThread {
            pump(.toClient, from: server, to: client, passes, forwarded)
            requests.wait()
            close(client)
            close(server)
        }
    }

    private static func pump(
        _ direction: Direction, from source: Int32, to target: Int32, _ passes: Gate, _ forwarded: Witness
    ) {
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(source, &chunk, chunk.count, 0)
            guard count > 0, passes(direction, chunk[..<count]),
                send(target, chunk, count, Int32(MSG_NOSIGNAL)) == count
            else { break }
            forwarded(direction, chunk[..<count])
        }
        shutdown(source, Int32(SHUT_RDWR))
        shutdown(target, Int32(SHUT_RDWR))
    }
}
