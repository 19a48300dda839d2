import EventLoop
import Foundation
import HTTPEdge
import Shared
import TestSupport

/// A server on a loop that the test turns by hand, on a clock that the test moves, and what its handler saw.
final class EdgeUnderTest: HTTPHandler {
    enum Transport: CaseIterable { case unix, tcp }

    private final class Clock {
        var now = Instant.now
    }

    let loop: EventLoop
    private(set) var server: HTTPServer!
    private let clock: Clock
    private let directory: TemporaryDirectory
    private(set) var address: SocketAddress

    /// Requests that reached the handler: method and path.
    private(set) var handled: [String] = []
    private(set) var bodies: [String] = []
    /// Exchanges that wait, where the handler defers its answers.
    var deferred: [Exchange] = []
    var defers = false
    /// Runs in the handler before it looks at its request.
    var whileHandling: ((EdgeUnderTest) -> Void)?
    /// Bytes of each answer's body.
    var answerBytes = 2

    /// With a clock that is ahead, no timer of the server's own ever wakes the loop.
    init(
        over transport: Transport = .unix, clockAheadMilliseconds: Int = 0,
        _ change: (inout EdgeLimits) -> Void = { _ in }
    ) throws {
        let clock = Clock()
        clock.now = clock.now.advanced(milliseconds: clockAheadMilliseconds)
        self.clock = clock
        loop = try EventLoop(clock: { clock.now })
        directory = try TemporaryDirectory()
        var limits = EdgeLimits()
        change(&limits)
        address =
            switch transport {
            case .unix: .unix(path: directory.path("edge.sock"))
            case .tcp: .tcp(host: "127.0.0.1", port: 0)
            }
        server = HTTPServer(loop: loop, limits: limits)
        let listener = try Listener(address)
        if let port = listener.port { address = .tcp(host: "127.0.0.1", port: port) }
        try server.serve(listener, handler: self)
    }

    func handle(_ request: borrowing Request, _ exchange: Exchange) {
        whileHandling?(self)
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

    /// Turns the loop until `condition` holds; false where that takes more than ten seconds of nothing.
    @discardableResult
    func turn(until condition: () -> Bool) throws -> Bool {
        for _ in 0..<2000 {
            try loop.pass(waitMilliseconds: 5)
            if condition() { return true }
        }
        return false
    }

    /// Turns the loop a few times: whatever would happen at once has happened then.
    func settle() throws { for _ in 0..<10 { try loop.pass(waitMilliseconds: 0) } }

    /// Lets time go by, and the server look at its clock.
    func advance(milliseconds: Int) throws {
        clock.now = clock.now.advanced(milliseconds: milliseconds)
        try loop.pass(waitMilliseconds: 0)
    }

    /// Sets a clock that is ahead right: from here on, what is due at once wakes the loop at once.
    func correctClock() throws {
        clock.now = .now
        try loop.pass(waitMilliseconds: 0)
    }

    func connect() throws -> EdgeClient { try EdgeClient(address, self) }

    /// Lets go of the server, as a program would that ends.
    func dropServer() { server = nil }

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
            return client.isClosed || client.text.contains("\r\n\r\n")
        }
        return client
    }
}
