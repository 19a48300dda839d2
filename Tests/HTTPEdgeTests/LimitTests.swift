import Foundation
import HTTPEdge
import TestSupport
import Testing

private let get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"

@Suite struct `The server's limits` {
    @Test func `one connection more than it holds is closed at once`() throws {
        let edge = try EdgeUnderTest { $0.connections = 3 }
        let clients = try (0..<3).map { _ in try edge.connect() }
        #expect(try edge.run { edge.server.counters.open == 3 })
        let late = try edge.connect()
        #expect(try late.closes())
        #expect(edge.server.counters.overflowed == 1)
        for client in clients {
            client.send(get)
            #expect(try client.responses(1).count == 1)
        }
        clients[0].disconnect()
        #expect(try edge.run { edge.server.counters.open == 2 })
        let next = try edge.connect()
        next.send(get)
        #expect(try next.responses(1).count == 1)
    }

    @Test(arguments: EdgeUnderTest.Transport.allCases)
    func `a client that pipelines without end is not read without end`(_ transport: EdgeUnderTest.Transport) throws {
        let edge = try EdgeUnderTest(over: transport)
        edge.defers = true
        let client = try edge.connect()
        let flood = Array(repeating: get, count: 400_000).joined()
        let sent = client.send(flood)
        try edge.settle()
        #expect(sent < flood.utf8.count, "\(sent) bytes were taken")
        #expect(edge.handled.count == 1)
        // It continues where it stopped, one request after the other.
        edge.defers = false
        edge.answer(edge.deferred[0], "1")
        try edge.run {
            client.receive()
            return edge.handled.count >= 1000
        }
        #expect(try client.responses(1000).count >= 1000)
    }

    @Test func `a client that pipelines and doesn't read its answers is not answered without end`() throws {
        let edge = try EdgeUnderTest()
        edge.answerBytes = 10_000
        let client = try edge.connect()
        client.send(Array(repeating: get, count: 10_000).joined())
        var handled = -1
        while edge.handled.count > handled {
            handled = edge.handled.count
            try edge.settle()
        }
        #expect(handled < 1000)
        #expect(try client.responses(handled + 1).count > handled)
    }

    @Test(arguments: EdgeUnderTest.Transport.allCases)
    func `a client that doesn't read its answer gets it when it does`(_ transport: EdgeUnderTest.Transport) throws {
        let edge = try EdgeUnderTest(over: transport)
        edge.answerBytes = 9_000_000
        let client = try edge.connect()
        client.send(get)
        try edge.settle()
        #expect(try client.responses(1).first?.body.utf8.count == 9_000_000)
        edge.answerBytes = 2
        client.send(get)
        #expect(try client.responses(2).count == 2)
    }

    @Test func `a head and a body of exactly the limits are taken`() throws {
        let edge = try EdgeUnderTest()
        let start = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1024\r\nX: "
        let head = start + String(repeating: "x", count: 16_384 - start.utf8.count - 4) + "\r\n\r\n"
        let client = try edge.exchange(Array((head + String(repeating: "y", count: 1024)).utf8))
        #expect(client.responses.map(\.status) == [200])
        #expect(edge.bodies.map(\.utf8.count) == [1024])
    }
}
