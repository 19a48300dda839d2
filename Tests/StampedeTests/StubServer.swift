import Foundation
import Glibc
import Shared
import Synchronization
import TestSupport

/// A server on a Unix socket that answers as a test says, and counts requests.
final class StubServer: Sendable {
    /// What is sent for the request with this number, from 1; nil closes the connection instead.
    typealias Answer = @Sendable (Int) -> String?

    private let listener: Int32

    init(_ path: String, _ answer: @escaping Answer) throws {
        let address = SocketAddress.unix(path: path)
        let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        self.listener = listener
        let bound = address.withSockaddr { bind(listener, $0, $1) }
        guard bound == 0, listen(listener, 64) == 0 else { throw FileError() }
        let requests = RequestCount()
        Thread.detachNewThread {
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0 else { return }
                Thread.detachNewThread {
                    Self.serve(client) { answer(requests.next()) }
                    close(client)
                }
            }
        }
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    /// The client sends the next request only after an answer, and all of it at once.
    private static func serve(_ client: Int32, _ answer: () -> String?) {
        var request = [UInt8](repeating: 0, count: 4096)
        while recv(client, &request, request.count, 0) > 0, let text = answer() {
            let bytes = Array(text.utf8)
            guard send(client, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else { return }
        }
    }

    static func secured(_ position: Int) -> String {
        let body = #"{"status":"secured","position":\#(position),"quantity":1}"#
        return "HTTP/1.1 201 Created\r\ncontent-length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    static let comeBack = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n"

    static let soldOut: String = {
        let body = #"{"type":"/problems/sold-out","title":"Sold out"}"#
        return "HTTP/1.1 409 Conflict\r\ncontent-length: \(body.utf8.count)\r\n\r\n\(body)"
    }()
}

private final class RequestCount: Sendable {
    private let count = Atomic(0)

    func next() -> Int { count.add(1, ordering: .relaxed).newValue }
}
