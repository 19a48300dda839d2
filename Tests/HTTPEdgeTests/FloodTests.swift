import EventLoop
import Foundation
import HTTPEdge
import Shared
import TestSupport
import Testing

private let get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"

/// Thousands of hostile clients, and an honest one beside them. How long the honest one waits is measured in passes of
/// the loop, and in what the others got meanwhile, not by a clock.
@Suite(.serialized) struct `In a flood` {
    /// Each connection takes a descriptor at both ends.
    init() { Program.raiseDescriptorLimit(to: 4096) }

    /// Sends a request of an honest client, and returns after how many passes of the loop it has its answer.
    private func passes(for client: EdgeClient, _ edge: EdgeUnderTest) throws -> Int {
        let before = client.responses.count
        client.send(get)
        client.awaitDelivery()
        for pass in 1...100 {
            try edge.loop.pass(waitMilliseconds: 0)
            client.receive()
            if client.responses.count > before { return pass }
        }
        return .max
    }

    /// Clients that have sent `text`, and an honest one.
    private func flood(
        _ edge: EdgeUnderTest, of count: Int, saying text: String
    ) throws -> (others: [EdgeClient], honest: EdgeClient) {
        let honest = try edge.connect()
        let others = try (0..<count).map { _ in try edge.connect() }
        #expect(try edge.run { edge.server.counters.open == count + 1 })
        for client in others { client.send(text) }
        return (others, honest)
    }

    @Test func `of pipelined requests, others have their answers in between, and each client all of its own`() throws {
        let edge = try EdgeUnderTest()
        let (others, honest) = try flood(edge, of: 100, saying: String(repeating: get, count: 100))
        var handled = 0
        for _ in 0..<20 {
            #expect(try passes(for: honest, edge) <= 2)
            // One request of each client when they are first read, and then those that are resumed.
            #expect(edge.handled.count - handled < 200)
            handled = edge.handled.count
        }
        #expect(edge.handled.count < 2000)
        #expect(try edge.run { edge.handled.count == 100 * 100 + 20 })
        for client in others { #expect(try client.responses(100).count == 100) }
    }

    @Test func `of a thousand requests on one connection, all are answered in their order`() throws {
        let edge = try EdgeUnderTest(over: .tcp)
        let (others, honest) = try flood(
            edge, of: 1, saying: (0..<1000).map { "GET /\($0) HTTP/1.1\r\nHost: h\r\n\r\n" }.joined())
        #expect(try passes(for: honest, edge) <= 2)
        #expect(try edge.run { edge.handled.count == 1001 })
        let inOrder = edge.handled.filter { $0 != "get /" } == (0..<1000).map { "get /\($0)" }
        #expect(inOrder)
        #expect(try others[0].responses(1000).count == 1000)
    }

    @Test(arguments: [
        ("nothing", "", 75_000), ("half a head", "GET / HTTP/1.1\r\nHo", 10_000),
        ("half a body", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nx", 10_000),
        ("half a request behind another", get + "GET / HT", 10_000),
    ])
    func `of clients who say no more, all go when their time is up, and not all in one pass`(
        _ what: String, _ text: String, _ milliseconds: Int
    ) throws {
        let edge = try EdgeUnderTest()
        let (others, honest) = try flood(edge, of: 1000, saying: text)
        defer { withExtendedLifetime(others) {} }
        // Until each client's input has been handled, and what it pipelined too.
        for _ in 0..<10 { try edge.settle() }
        try edge.advance(milliseconds: milliseconds - 1000)
        #expect(try passes(for: honest, edge) == 1)
        #expect(edge.server.counters.open == 1001)
        try edge.advance(milliseconds: 1500)
        #expect(edge.server.counters.open >= 900)
        #expect(try passes(for: honest, edge) == 1)
        #expect(edge.server.counters.open > 1)
        #expect(try edge.run { edge.server.counters.open == 1 })
        #expect(edge.server.counters.timedOut == (text.isEmpty ? 0 : 1000))
    }

    @Test func `of connections that are reset at once, others are served in between, and none stays`() throws {
        let edge = try EdgeUnderTest(over: .tcp)
        let honest = try edge.connect()
        #expect(try passes(for: honest, edge) <= 2)
        for number in 0..<1000 {
            let client = try edge.connect()
            if number.isMultiple(of: 2) { client.send("GET / HT") }
            client.reset()
        }
        let accepted = edge.server.counters.accepted
        #expect(try passes(for: honest, edge) == 1)
        #expect(edge.server.counters.accepted - accepted < 100)
        #expect(try edge.run { edge.server.counters.accepted == 1001 && edge.server.counters.open == 1 })
        #expect(try passes(for: honest, edge) == 1)
    }

    @Test func `of heads of a megabyte, each is refused and its connection closed`() throws {
        let edge = try EdgeUnderTest(over: .tcp)
        let head = "GET / HTTP/1.1\r\nHost: h\r\nX: " + String(repeating: "x", count: 1 << 20)
        let (others, honest) = try flood(edge, of: 50, saying: head)
        #expect(try passes(for: honest, edge) <= 2)
        for client in others { #expect(try client.closes()) }
        #expect(others.allSatisfy { $0.responses.map(\.status) == [431] })
        try edge.advance(milliseconds: 1500)
        #expect(try edge.run { edge.server.counters.open == 1 })
        #expect(edge.server.counters.malformed == 50)
    }

    @Test func `of clients who send on behind their last answer, all that waits is thrown away in one pass`() throws {
        let edge = try EdgeUnderTest(over: .tcp)
        let (others, honest) = try flood(edge, of: 10, saying: "nonsense\r\n")
        for client in others { #expect(try client.closes()) }
        // No more than fits into a TCP window, so that none of it waits at the client's end.
        let piece = Array(repeating: UInt8(ascii: "x"), count: 30_000)
        for sent in stride(from: piece.count, through: 1 << 20, by: piece.count) {
            for client in others { #expect(client.offer(piece) == piece.count, "after \(sent) bytes") }
            try #require(others.allSatisfy { $0.awaitDelivery() }, "after \(sent) bytes")
            #expect(try passes(for: honest, edge) == 1)
        }
        #expect(edge.server.counters.open == 11)
        // The megabyte is used up.
        for client in others { #expect(client.offer(piece) == piece.count) }
        #expect(try edge.run { edge.server.counters.open == 1 })
    }

    @Test func `of clients who read nothing, each is given little, and goes after ten seconds`() throws {
        let edge = try EdgeUnderTest(over: .tcp)
        edge.answerBytes = 1000
        let (others, honest) = try flood(edge, of: 10, saying: "")
        for client in others { client.keepLittle() }
        for _ in 0..<5000 {
            for client in others { _ = client.offer(Array(get.utf8)) }
            try edge.loop.pass(waitMilliseconds: 0)
        }
        // What the server's kernel holds, and the client's.
        #expect(edge.handled.count < 10 * 500)
        #expect(try passes(for: honest, edge) <= 2)
        try edge.advance(milliseconds: 10_500)
        #expect(try edge.run { edge.server.counters.open == 1 })
        #expect(edge.server.counters.timedOut == 10)
    }

    @Test func `of clients who only listen any more, each has its answer, and none stays`() throws {
        let edge = try EdgeUnderTest(over: .tcp)
        let (others, honest) = try flood(edge, of: 500, saying: "")
        for (number, client) in others.enumerated() {
            client.send([get, get + get, "", "GET / HT"][number % 4])
            client.finishSending()
        }
        #expect(try passes(for: honest, edge) <= 2)
        for client in others { #expect(try client.closes()) }
        for (number, client) in others.enumerated() { #expect(client.responses.count == [1, 2, 0, 0][number % 4]) }
        #expect(edge.server.counters.open == 1)
    }
}
