import EventLoop
import Foundation
import Glibc
import Shared
import TestSupport

/// A client that may send any bytes.
final class EdgeClient {
    private(set) var descriptor: Int32
    private let edge: EdgeUnderTest
    private(set) var received: [UInt8] = []
    private(set) var isClosed = false
    /// Whether the server reset the connection, which may cost a client answers that it hasn't read.
    private(set) var wasReset = false

    init(_ address: SocketAddress, _ edge: EdgeUnderTest) throws {
        self.edge = edge
        descriptor = socket(address.family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        let code = address.withSockaddr { Glibc.connect(descriptor, $0, $1) }
        guard code == 0 else {
            let error = NSError(domain: "connect", code: Int(errno))
            disconnect()
            throw error
        }
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    }

    deinit { disconnect() }

    func disconnect() {
        if descriptor >= 0 { close(descriptor) }
        descriptor = -1
    }

    /// Resets the connection, as a client does whose machine lost its power and came back.
    func reset() {
        var now = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &now, socklen_t(MemoryLayout<linger>.size))
        disconnect()
    }

    /// Makes the kernel buffer as little input as it can, 2 KiB.
    func keepLittle() {
        var least: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &least, 4)
    }

    /// Sends no more; answers are still read.
    func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Sends as much as the socket takes, and returns how much that was. A server that has stopped reading takes none.
    @discardableResult
    func send(_ bytes: [UInt8]) -> Int {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            if count <= 0 { break }
            sent += count
            // The other end of a Unix socket must read before more fits.
            if sent < bytes.count { try? edge.loop.pass(waitMilliseconds: 0) }
        }
        return sent
    }

    /// Sends what the socket takes at once. For a server that has stopped reading, it returns that all was sent.
    func offer(_ bytes: [UInt8]) -> Int {
        let count = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        return count >= 0 ? count : errno == EAGAIN ? 0 : bytes.count
    }

    @discardableResult
    func send(_ text: String) -> Int { send(Array(text.utf8)) }

    /// Waits until everything sent has reached the server's end, read or not. Over a Unix socket it has when `send`
    /// returns; the kernel may deliver a TCP segment a little later. False if there is no room for it.
    @discardableResult
    func awaitDelivery() -> Bool {
        guard case .tcp = edge.address else { return true }
        return eventually {
            var pending: Int32 = 0
            return ioctl(descriptor, UInt(TIOCOUTQ), &pending) == 0 && pending == 0
        }
    }

    /// Receives what has arrived.
    func receive() {
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while !isClosed {
            let count = recv(descriptor, &chunk, chunk.count, 0)
            if count < 0, errno == EAGAIN { return }
            if count > 0 { received += chunk[0..<count] } else { isClosed = true }
            wasReset = count < 0
        }
    }

    var text: String { String(decoding: received, as: UTF8.self) }

    /// The responses that have arrived whole.
    var responses: [Response] { Response.all(in: text) }

    /// Runs the loop until there are `count` responses, and returns them.
    func responses(_ count: Int) throws -> [Response] {
        try edge.run {
            receive()
            return responses.count >= count || isClosed
        }
        return responses
    }

    /// Runs the loop until the server has closed the connection; false if it doesn't.
    func closes() throws -> Bool {
        try edge.run {
            receive()
            return isClosed
        }
    }
}

/// A response as sent.
struct Response {
    let status: Int
    let fields: [String: String]
    let body: String

    static func all(in text: String) -> [Response] {
        var rest = Substring(text)
        var found: [Response] = []
        while let end = rest.range(of: "\r\n\r\n") {
            let lines = rest[..<end.lowerBound].components(separatedBy: "\r\n")
            var fields: [String: String] = [:]
            for line in lines.dropFirst() {
                let parts = line.components(separatedBy: ": ")
                fields[parts[0].lowercased()] = parts.dropFirst().joined(separator: ": ")
            }
            let status = Int(lines[0].split(separator: " ").dropFirst().first ?? "") ?? 0
            let length = Int(fields["content-length"] ?? "0") ?? 0
            let body = rest[end.upperBound...].utf8.prefix(length)
            guard body.count == length else { break }
            found.append(Response(status: status, fields: fields, body: String(decoding: Array(body), as: UTF8.self)))
            rest = Substring(rest.utf8[body.endIndex...])
        }
        return found
    }
}
