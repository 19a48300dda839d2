import EventLoop
import Foundation
import Glibc
import HTTPEdge
import Shared
import TestSupport
import Testing

@Suite struct `A listener` {
    private let directory = try! TemporaryDirectory()
    private var path: String { directory.path("edge.sock") }

    /// Binds a socket of `type` to the path. The file stays when the socket is closed.
    private func bindSocket(_ type: __socket_type) -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(type.rawValue | SOCK_CLOEXEC.rawValue), 0)
        _ = SocketAddress.unix(path: path).withSockaddr { bind(descriptor, $0, $1) }
        return descriptor
    }

    @Test func `replaces a Unix socket that nobody serves any more`() throws {
        close(bindSocket(SOCK_STREAM))
        _ = try Listener(.unix(path: path))
    }

    @Test func `leaves alone a Unix socket that somebody serves`() throws {
        let first = try EdgeUnderTest()
        #expect(throws: SystemError.self) { _ = try Listener(first.address) }
        let client = try first.exchange(Array("GET / HTTP/1.1\r\nHost: h\r\n\r\n".utf8))
        #expect(client.responses.map(\.status) == [200])
    }

    @Test func `leaves alone a Unix socket whose server is too busy to accept`() throws {
        let busy = bindSocket(SOCK_STREAM)
        defer { close(busy) }
        listen(busy, 0)
        let address = SocketAddress.unix(path: path)
        let waiting = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
        defer { close(waiting) }
        _ = address.withSockaddr { connect(waiting, $0, $1) }
        // The backlog is full: a blocking connect would wait forever.
        #expect(throws: SystemError.self) { _ = try Listener(address) }
    }

    @Test func `leaves alone a socket of another kind`() throws {
        let other = bindSocket(SOCK_DGRAM)
        defer { close(other) }
        #expect(throws: SystemError.self) { _ = try Listener(.unix(path: path)) }
        #expect(FileManager.default.fileExists(atPath: path))
    }

    @Test func `deletes no file that is not a socket`() throws {
        try Data("precious".utf8).write(to: URL(fileURLWithPath: path))
        #expect(throws: SystemError.self) { _ = try Listener(.unix(path: path)) }
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "precious")
    }

    @Test func `removes its Unix socket when it stops`() throws {
        let edge = try EdgeUnderTest()
        guard case .unix(let path) = edge.address else { return }
        #expect(FileManager.default.fileExists(atPath: path))
        edge.server.drain {}
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test(.enabled(if: FileManager.default.fileExists(atPath: "/proc/net/if_inet6"), "the machine speaks no IPv6"))
    func `listens on an IPv6 address, too`() throws {
        let listener = try Listener(SocketAddress("[::1]:0")!)
        #expect(listener.port != nil)
    }

    @Test func `can reuse a port at once while its old connections are in TIME_WAIT`() throws {
        let first = try EdgeUnderTest(over: .tcp)
        // The server closes first, so its end stays in TIME_WAIT.
        let client = try first.exchange(Array("GET / HTTP/1.0\r\n\r\n".utf8))
        #expect(try client.closes())
        client.disconnect()
        #expect(try first.run { first.server.counters.open == 0 })
        first.dropServer()
        _ = try Listener(first.address)
    }

    @Test func `reports which port it can't have`() throws {
        let first = try EdgeUnderTest(over: .tcp)
        let error = #expect(throws: SystemError.self) { _ = try Listener(first.address) }
        #expect(error?.code == EADDRINUSE)
        #expect(error?.description.contains("\(first.address)") == true)
    }

    @Test(arguments: [
        [:], ["LISTEN_FDS": "1"], ["LISTEN_PID": "1", "LISTEN_FDS": "1"],
        ["LISTEN_PID": "\(getpid())", "LISTEN_FDS": "0"], ["LISTEN_PID": "\(getpid())", "LISTEN_FDS": "x"],
        ["LISTEN_PID": "\(getpid())"],
    ])
    func `inherits nothing that was not meant for this process`(_ environment: [String: String]) {
        #expect(Listener.inherited(environment) === nil)
    }
}
