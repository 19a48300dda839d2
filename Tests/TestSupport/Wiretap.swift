import Foundation
import Glibc
import Shared
import Synchronization

/// Stands between a client and a server on loopback TCP, and keeps what passes either way.
package final class Wiretap: Sendable {
    private let heard = Heard()
    private let listener: Int32

    private final class Heard: Sendable {
        let bytes = Mutex<[UInt8]>([])
    }

    /// Listens on `port` of the loopback interface and forwards to `target`.
    package init(_ port: UInt16, to target: UInt16) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        self.listener = listener
        var yes: Int32 = 1
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        let bound = Self.loopback(port).withSockaddr { bind(listener, $0, $1) }
        guard bound == 0, listen(listener, 64) == 0 else { throw FileError() }
        let heard = heard
        Thread.detachNewThread {
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0 else { return }
                let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
                guard Self.loopback(target).withSockaddr({ connect(server, $0, $1) }) == 0 else {
                    close(server)
                    close(client)
                    continue
                }
                let requests = DispatchSemaphore(value: 0)
                Thread.detachNewThread {
                    Self.pump(from: client, to: server, heard)
                    requests.signal()
                }
                Thread.detachNewThread {
                    Self.pump(from: server, to: client, heard)
                    requests.wait()
                    close(client)
                    close(server)
                }
            }
        }
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    /// How many bytes have passed.
    package var count: Int { heard.bytes.withLock { $0.count } }

    /// Whether this text has passed, in one piece.
    package func hears(_ text: String) -> Bool {
        heard.bytes.withLock { Data($0).range(of: Data(text.utf8)) != nil }
    }

    private static func loopback(_ port: UInt16) -> SocketAddress { .tcp(host: "127.0.0.1", port: port) }

    private static func pump(from source: Int32, to target: Int32, _ heard: Heard) {
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(source, &chunk, chunk.count, 0)
            guard count > 0 else { break }
            heard.bytes.withLock { $0 += chunk[..<count] }
            guard send(target, chunk, count, Int32(MSG_NOSIGNAL)) == count else { break }
        }
        shutdown(source, Int32(SHUT_RDWR))
        shutdown(target, Int32(SHUT_RDWR))
    }
}
