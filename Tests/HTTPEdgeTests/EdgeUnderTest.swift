import EventLoop
import Foundation
import Glibc
import HTTPEdge
import Shared
import TestSupport

/// A server on a Unix socket, on a loop that the test turns by hand, and what its handler saw.
final class EdgeUnderTest: HTTPHandler {
    let loop: EventLoop
    private(set) var server: HTTPServer!
    private let directory: TemporaryDirectory
    /// Requests that reached the handler: method and path.
    private(set) var handled: [String] = []
    private(set) var bodies: [String] = []
    /// Exchanges that wait, where the handler defers its answers.
    var deferred: [Exchange] = []
    var defers = false
    /// Bytes of each answer's body.
    var answerBytes = 2

    init(_ change: (inout EdgeLimits) -> Void = { _ in }) throws {
        loop = try EventLoop()
        directory = try TemporaryDirectory()
        var limits = EdgeLimits()
        change(&limits)
        server = HTTPServer(loop: loop, limits: limits, handler: self)
        try server.serve(Listener(.unix(path: socketPath)))
    }

    private var socketPath: String { directory.path("edge.sock") }

    func handle(_ request: borrowing Request, _ exchange: Exchange) {
        handled.append("\(request.method) \(request.path.string)")
        bodies.append(request.body.string)
        if defers { deferred.append(exchange) } else { answer(exchange, "\(handled.count)") }
    }

    /// Answers with `text`, filled up to `answerBytes`.
    func answer(_ exchange: Exchange, _ text: String) {
        server.respond(exchange, .ok) {
            $0.append(text)
            for _ in 0..<max(0, answerBytes - text.utf8.count) { $0.append(UInt8(ascii: ".")) }
        }
    }

    /// Turns the loop until `condition` holds.
    @discardableResult
    func turn(until condition: () -> Bool) throws -> Bool {
        try eventually(seconds: 10) {
            try loop.pass(waitMilliseconds: 5)
            return condition()
        }
    }

    /// Turns the loop a few times: whatever would happen at once has happened then.
    func settle() throws { for _ in 0..<10 { try loop.pass(waitMilliseconds: 1) } }

    func connect() throws -> EdgeClient { try EdgeClient(socketPath, self) }

    /// Sends a message on a connection of its own, and answers what came back until the server closed or has answered.
    func exchange(_ bytes: [UInt8], byteByByte: Bool = false) throws -> EdgeClient {
        let client = try connect()
        if byteByByte {
            for byte in bytes where !client.isClosed {
                client.send([byte])
                try loop.pass(waitMilliseconds: 0)
                client.receive()
            }
        } else {
            client.send(bytes)
        }
        try turn {
            client.receive()
            return client.isClosed || !client.responses.isEmpty
        }
        return client
    }
}

/// A client that sends what it likes.
final class EdgeClient {
    private(set) var descriptor: Int32
    private let edge: EdgeUnderTest
    private(set) var received: [UInt8] = []
    private(set) var isClosed = false

    init(_ path: String, _ edge: EdgeUnderTest) throws {
        self.edge = edge
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
        let code = SocketAddress.unix(path: path).withSockaddr { Glibc.connect(descriptor, $0, $1) }
        guard code == 0 else { throw NSError(domain: "connect", code: Int(errno)) }
    }

    deinit { disconnect() }

    func disconnect() {
        if descriptor >= 0 { close(descriptor) }
        descriptor = -1
    }

    /// No more is sent; answers are still read.
    func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Sends as much as the socket takes, and answers how much that was; a server that is done reading takes none.
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

    @discardableResult
    func send(_ text: String) -> Int { send(Array(text.utf8)) }

    /// Takes in what has arrived.
    func receive() {
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while !isClosed {
            let count = recv(descriptor, &chunk, chunk.count, 0)
            if count > 0 { received += chunk[0..<count] } else if count == 0 { isClosed = true } else { return }
        }
    }

    var text: String { String(decoding: received, as: UTF8.self) }

    /// The responses that have arrived whole.
    var responses: [Response] { Response.all(in: text) }

    /// Turns the loop until there are `count` responses, and answers them.
    func responses(_ count: Int) throws -> [Response] {
        try edge.turn {
            receive()
            return responses.count >= count || isClosed
        }
        return responses
    }

    /// Turns the loop until the server has closed; false where it hasn't within ten seconds.
    func closes() throws -> Bool {
        try edge.turn {
            receive()
            return isClosed
        }
    }
}

/// A response as it was sent.
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
