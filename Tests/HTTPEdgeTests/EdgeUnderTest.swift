import EventLoop
import Foundation
import HTTPEdge
import Shared
import TestSupport

/// A server whose loop the test runs pass by pass, and whose clock it moves; and what the handler saw.
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
    /// Exchanges that wait for an answer, if the handler defers.
    var deferred: [Exchange] = []
    var defers = false
    /// Runs in the handler before it looks at its request.
    var whileHandling: ((EdgeUnderTest) -> Void)?
    /// Bytes of each answer's body.
    var answerBytes = 2

    /// With a clock that is ahead, the server's own timers never wake the loop.
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

    /// Answers with `text`, padded to `answerBytes`.
    func answer(_ exchange: Exchange, _ text: String) {
        server.respond(exchange, .ok) {
            $0.append(text)
            for _ in 0..<max(0, answerBytes - text.utf8.count) { $0.append(UInt8(ascii: ".")) }
        }
    }

    /// Runs the loop until `condition` holds; false if that takes more than ten seconds without events.
    @discardableResult
    func run(until condition: () -> Bool) throws -> Bool {
        for _ in 0..<2000 {
            try loop.pass(waitMilliseconds: 5)
            if condition() { return true }
        }
        return false
    }

    /// Runs the loop a few times, so that whatever can happen at once has happened.
    func settle() throws { for _ in 0..<10 { try loop.pass(waitMilliseconds: 0) } }

    /// Moves the clock, and runs a pass.
    func advance(milliseconds: Int) throws {
        clock.now = clock.now.advanced(milliseconds: milliseconds)
        try loop.pass(waitMilliseconds: 0)
    }

    /// Sets a clock that was ahead to the right time: from now on, what is due at once wakes the loop at once.
    func correctClock() throws {
        clock.now = .now
        try loop.pass(waitMilliseconds: 0)
    }

    func connect() throws -> EdgeClient { try EdgeClient(address, self) }

    /// Releases the server, as a program does at its end.
    func dropServer() { server = nil }

    /// Sends a message on a new connection, and receives until the server has answered or closed.
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
        try run {
            client.receive()
            return client.isClosed || client.text.contains("\r\n\r\n")
        }
        return client
    }
}
