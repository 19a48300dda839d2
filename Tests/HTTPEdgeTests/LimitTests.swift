import EventLoop
import Foundation
import HTTPEdge
import TestSupport
import Testing

private let get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"

@Suite struct `The server's limits` {
    @Test func `one connection more than it holds is closed at once`() throws {
        let edge = try EdgeUnderTest { $0.connections = 3 }
        let clients = try (0..<3).map { _ in try edge.connect() }
        #expect(try edge.turn { edge.server.counters.open == 3 })
        let late = try edge.connect()
        #expect(try late.closes())
        #expect(edge.server.counters.overflowed == 1)
        for client in clients {
            client.send(get)
            #expect(try client.responses(1).count == 1)
        }
        clients[0].disconnect()
        #expect(try edge.turn { edge.server.counters.open == 2 })
        let next = try edge.connect()
        next.send(get)
        #expect(try next.responses(1).count == 1)
    }

    @Test func `a client that pipelines without end is not read without end`() throws {
        let edge = try EdgeUnderTest()
        edge.defers = true
        let client = try edge.connect()
        let flood = Array(repeating: get, count: 100_000).joined()
        let sent = client.send(flood)
        try edge.settle()
        #expect(sent < flood.utf8.count, "\(sent) bytes were taken")
        #expect(edge.handled.count == 1)
        // It goes on where it stopped, one request after the other.
        edge.defers = false
        edge.answer(edge.deferred[0], "1")
        #expect(try client.responses(1000).count >= 1000)
    }

    @Test func `a client that doesn't read its answers gets them when it does`() throws {
        let edge = try EdgeUnderTest()
        edge.answerBytes = 3_000_000
        let client = try edge.connect()
        client.send(get)
        try edge.settle()
        #expect(try client.responses(1).first?.body.utf8.count == 3_000_000)
        edge.answerBytes = 2
        client.send(get)
        #expect(try client.responses(2).count == 2)
    }

    @Test func `a client that never reads its answer is closed`() throws {
        let edge = try EdgeUnderTest { $0.writeMilliseconds = 1 }
        edge.answerBytes = 3_000_000
        let client = try edge.connect()
        client.send(get)
        #expect(try edge.turn { edge.server.counters.open == 0 && edge.handled.count == 1 })
        #expect(edge.server.counters.timedOut == 1)
    }

    @Test(arguments: [
        ("idle", ""), ("half a head", "GET / HTTP/1.1\r\nHo"),
        ("half a body", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nx"),
    ])
    func `a client that is too slow is closed without a word to the handler`(_ what: String, _ bytes: String) throws {
        let edge = try EdgeUnderTest {
            $0.idleMilliseconds = 1
            $0.headMilliseconds = 1
            $0.bodyMilliseconds = 1
        }
        let client = try edge.connect()
        client.send(bytes)
        #expect(try client.closes())
        #expect(edge.handled.isEmpty)
        #expect(edge.server.counters.open == 0)
        #expect(edge.server.counters.timedOut == (bytes.isEmpty ? 0 : 1))
    }

    @Test func `a head that trickles in has as long as one that comes at once`() throws {
        let edge = try EdgeUnderTest { $0.headMilliseconds = 700 }
        let client = try edge.connect()
        // Each byte alone would be in time; all of them together are not.
        #expect(
            try edge.turn {
                client.send("x")
                client.receive()
                return client.isClosed
            })
        #expect(edge.handled.isEmpty)
    }

    @Test func `a deferred answer has all the time it needs`() throws {
        let edge = try EdgeUnderTest {
            $0.idleMilliseconds = 1
            $0.headMilliseconds = 1
        }
        edge.defers = true
        let client = try edge.connect()
        client.send(get)
        #expect(try edge.turn { edge.deferred.count == 1 })
        // Two sweeps, in which an idle connection would have been closed.
        var sweeps = 0
        edge.loop.schedule(afterMilliseconds: 1100) { sweeps = 2 }
        #expect(try edge.turn { sweeps == 2 })
        edge.answer(edge.deferred[0], "ok")
        #expect(try client.responses(1).map(\.body) == ["ok"])
    }

    @Test func `hundreds of connections come and go, and none of their descriptors stays`() throws {
        let edge = try EdgeUnderTest()
        let before = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
        for _ in 0..<5 {
            var clients: [EdgeClient]? = try (0..<100).map { _ in try edge.connect() }
            for (index, client) in clients!.enumerated() { client.send(index % 2 == 0 ? get : "GET / HT") }
            #expect(try edge.turn { edge.server.counters.open == 100 })
            clients = nil
            #expect(try edge.turn { edge.server.counters.open == 0 })
        }
        let after = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
        // Other tests of this process open some of their own meanwhile.
        #expect(after < before + 100)
    }
}

@Suite struct `Stopping the server` {
    @Test func `closes idle connections at once, and answers what is under way first`() throws {
        let edge = try EdgeUnderTest()
        edge.defers = true
        let idle = try edge.connect()
        let busy = try edge.connect()
        busy.send(get)
        #expect(try edge.turn { edge.deferred.count == 1 && edge.server.counters.open == 2 })
        var drained = false
        edge.server.drain { drained = true }
        #expect(try idle.closes())
        #expect(!drained)
        #expect(throws: (any Error).self) { _ = try edge.connect() }
        edge.answer(edge.deferred[0], "ok")
        #expect(try busy.responses(1).first?.fields["connection"] == "close")
        #expect(try busy.closes())
        busy.disconnect()
        #expect(try edge.turn { drained })
    }

    @Test func `takes a request that was half received, and is done when the last answer is out`() throws {
        let edge = try EdgeUnderTest()
        let client = try edge.connect()
        client.send("GET / HTTP/1.1\r\nHo")
        try edge.settle()
        var drained = false
        edge.server.drain { drained = true }
        client.send("st: h\r\n\r\n" + get)
        #expect(try client.closes())
        #expect(client.responses.map { $0.fields["connection"] } == ["close"])
        #expect(edge.handled.count == 1)
        client.disconnect()
        #expect(try edge.turn { drained })
    }

    @Test func `is done at once where nobody is connected`() throws {
        let edge = try EdgeUnderTest()
        var drained = false
        edge.server.drain { drained = true }
        #expect(drained)
    }
}
