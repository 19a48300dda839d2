import Foundation
import HTTPEdge
import TestSupport
import Testing

private let get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"

/// What happens on a TCP connection and not on a Unix socket.
@Suite struct `Over TCP, the server` {
    @Test func `handles the request of a client that has gone before the answer`() throws {
        let edge = try EdgeUnderTest(over: .tcp)
        let client = try edge.connect()
        client.send(get)
        client.disconnect()
        #expect(try edge.run { edge.handled.count == 1 && edge.server.counters.open == 0 })
    }

    @Test func `drops a client that resets its connection`() throws {
        let edge = try EdgeUnderTest(over: .tcp)
        edge.defers = true
        let client = try edge.connect()
        client.send(get)
        #expect(try edge.run { edge.deferred.count == 1 })
        client.reset()
        #expect(try edge.run { edge.server.counters.open == 0 })
        edge.answer(edge.deferred[0], "too late")
    }

    @Test func `a refusal reaches a client that goes on sending`() throws {
        let edge = try EdgeUnderTest(over: .tcp)
        let client = try edge.connect()
        client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 500000\r\n\r\n")
        try edge.settle()
        // Closing with these unread would reset the connection, and the answer with it.
        client.send(Array(repeating: UInt8(ascii: "x"), count: 500_000))
        #expect(try client.closes())
        #expect(!client.wasReset)
        #expect(client.responses.map(\.status) == [413])
        client.disconnect()
        #expect(try edge.run { edge.server.counters.open == 0 })
    }

    @Test func `does not listen for ever to a client that goes on sending behind its last answer`() throws {
        let edge = try EdgeUnderTest(over: .tcp)
        let client = try edge.connect()
        client.send("nonsense\r\n")
        let megabyte = Array(repeating: UInt8(ascii: "x"), count: 1 << 20)
        #expect(
            try edge.run {
                client.send(megabyte)
                return edge.server.counters.open == 0
            })
    }

    @Test func `answers many clients at once, each its own`() throws {
        let edge = try EdgeUnderTest(over: .tcp)
        let clients = try (0..<200).map { _ in try edge.connect() }
        for round in 1...3 {
            for (number, client) in clients.enumerated() {
                client.send(
                    "POST /\(number) HTTP/1.1\r\nHost: h\r\nContent-Length: \("\(number)".count)\r\n\r\n\(number)")
            }
            for client in clients { #expect(try client.responses(round).count == round) }
        }
        #expect(edge.handled.count == 600)
        #expect(zip(edge.handled, edge.bodies).allSatisfy { $0 == "post /\($1)" })
    }
}
