import EventLoop
import Foundation
import HTTPEdge
import TestSupport
import Testing

private let get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"

/// The test moves the clock: by it, the server looks twice a second for what has waited too long.
@Suite struct `The server's patience` {
    private static let sweep = 500

    @Test(arguments: [
        ("nothing at all", "", 75_000), ("half a head", "GET / HTTP/1.1\r\nHo", 10_000),
        ("half a body", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nx", 10_000),
    ])
    func `ends with a client that is too slow, without a word to the handler`(
        _ what: String, _ bytes: String, _ milliseconds: Int
    ) throws {
        let edge = try EdgeUnderTest()
        let client = try edge.connect()
        client.send(bytes)
        try edge.settle()
        try edge.advance(milliseconds: milliseconds - 1)
        client.receive()
        #expect(!client.isClosed)
        try edge.advance(milliseconds: Self.sweep)
        #expect(try client.closes())
        #expect(client.received.isEmpty)
        #expect(edge.handled.isEmpty)
        #expect(edge.server.counters.open == 0)
        #expect(edge.server.counters.timedOut == (bytes.isEmpty ? 0 : 1))
    }

    @Test func `starts again with every request`() throws {
        let edge = try EdgeUnderTest()
        let client = try edge.connect()
        for number in 1...5 {
            try edge.advance(milliseconds: 74_000)
            client.send(get)
            #expect(try client.responses(number).count == number)
        }
    }

    @Test func `ends with a client that has its answer and asks nothing more`() throws {
        let edge = try EdgeUnderTest()
        let client = try edge.connect()
        client.send(get)
        #expect(try client.responses(1).count == 1)
        try edge.advance(milliseconds: 75_000 - 1)
        #expect(edge.server.counters.open == 1)
        try edge.advance(milliseconds: Self.sweep)
        #expect(edge.server.counters.open == 0)
        #expect(edge.server.counters.timedOut == 0)
    }

    /// Sends a piece a second, and returns how many were sent before the server closed.
    private func trickle(_ pieces: [String], to client: EdgeClient, _ edge: EdgeUnderTest) throws -> Int {
        for (sent, piece) in pieces.enumerated() {
            client.send(piece)
            try edge.settle()
            try edge.advance(milliseconds: 1000)
            client.receive()
            if client.isClosed { return sent + 1 }
        }
        return pieces.count
    }

    @Test(arguments: [
        ("by bytes", get.unicodeScalars.map { "\($0)" }),
        ("by lines", ["GET / HTTP/1.1\r\n", "Host: h\r\n"] + (0..<20).map { "X-\($0): x\r\n" }),
    ])
    func `is no longer with a head that trickles in`(_ how: String, _ pieces: [String]) throws {
        let edge = try EdgeUnderTest()
        let sent = try trickle(pieces, to: edge.connect(), edge)
        #expect(sent == 10)
        #expect(edge.handled.isEmpty)
    }

    @Test(arguments: [0, 10_000])
    func `is no longer with a body that trickles in, however long its head`(_ padding: Int) throws {
        let edge = try EdgeUnderTest()
        let client = try edge.connect()
        client.send(
            "POST / HTTP/1.1\r\nHost: h\r\nX: \(String(repeating: "x", count: padding))\r\nContent-Length: 1000\r\n\r\n"
        )
        try edge.settle()
        let sent = try trickle(Array(repeating: "x", count: 100), to: client, edge)
        #expect(sent == 10)
        #expect(edge.handled.isEmpty)
    }

    @Test func `is no longer with a head that was begun after another request`() throws {
        let edge = try EdgeUnderTest()
        edge.defers = true
        let client = try edge.connect()
        client.send(get + "GET / HT")
        #expect(try edge.run { edge.deferred.count == 1 })
        edge.answer(edge.deferred[0], "ok")
        #expect(try client.responses(1).count == 1)
        // The head's time starts when it is first parsed, after the answer.
        try edge.settle()
        try edge.advance(milliseconds: 10_000 + Self.sweep)
        #expect(try client.closes())
    }

    @Test func `has no end while a handler has the request`() throws {
        let edge = try EdgeUnderTest()
        edge.defers = true
        let client = try edge.connect()
        client.send(get)
        #expect(try edge.run { edge.deferred.count == 1 })
        for _ in 0..<10 { try edge.advance(milliseconds: 100_000) }
        edge.answer(edge.deferred[0], "ok")
        #expect(try client.responses(1).map(\.body) == ["ok"])
    }

    @Test func `ends with a client that doesn't take its answer`() throws {
        let edge = try EdgeUnderTest()
        edge.answerBytes = 3_000_000
        let client = try edge.connect()
        client.send(get)
        try edge.settle()
        #expect(edge.handled.count == 1)
        try edge.advance(milliseconds: 10_000 - 1)
        #expect(edge.server.counters.open == 1)
        try edge.advance(milliseconds: Self.sweep)
        #expect(edge.server.counters.open == 0)
        #expect(edge.server.counters.timedOut == 1)
    }

    @Test func `is short with a client that has its last answer and stays`() throws {
        let edge = try EdgeUnderTest()
        let client = try edge.connect()
        client.send("GET / HTTP/1.0\r\n\r\n")
        #expect(try client.closes())
        #expect(edge.server.counters.open == 1)
        try edge.advance(milliseconds: 1000 + Self.sweep)
        #expect(edge.server.counters.open == 0)
        #expect(edge.server.counters.timedOut == 0)
    }
}
