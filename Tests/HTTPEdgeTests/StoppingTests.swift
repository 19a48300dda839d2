import EventLoop
import Foundation
import HTTPEdge
import TestSupport
import Testing

private let get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"

@Suite struct `Stopping the server` {
    @Test(arguments: EdgeUnderTest.Transport.allCases)
    func `closes idle connections at once, and answers what is under way first`(
        _ transport: EdgeUnderTest.Transport
    ) throws {
        let edge = try EdgeUnderTest(over: transport)
        edge.defers = true
        let idle = try edge.connect()
        let busy = try edge.connect()
        busy.send(get)
        #expect(try edge.run { edge.deferred.count == 1 && edge.server.counters.open == 2 })
        var drained = false
        edge.server.drain { drained = true }
        #expect(try idle.closes())
        #expect(!drained)
        #expect(throws: (any Error).self) { _ = try edge.connect() }
        edge.answer(edge.deferred[0], "ok")
        #expect(try busy.responses(1).first?.fields["connection"] == "close")
        #expect(try busy.closes())
        busy.disconnect()
        #expect(try edge.run { drained })
    }

    @Test func `answers a request that was half received, and is done when the last answer is sent`() throws {
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
        #expect(try edge.run { drained })
    }

    @Test(arguments: EdgeUnderTest.Transport.allCases)
    func `answers a request that has arrived but was not read yet`(_ transport: EdgeUnderTest.Transport) throws {
        let edge = try EdgeUnderTest(over: transport)
        let client = try edge.connect()
        client.send(get)
        #expect(try client.responses(1).count == 1)
        client.send(get)
        client.awaitDelivery()
        edge.server.drain {}
        #expect(try client.closes())
        #expect(client.responses.map { $0.fields["connection"] } == [nil, "close"])
        #expect(!client.wasReset)
    }

    @Test func `answers a request that arrives in the very pass that closes the idle connections`() throws {
        let edge = try EdgeUnderTest()
        let client = try edge.connect()
        try edge.settle()
        var isSent = false
        edge.loop.onEachPass(.received) {
            if !isSent { client.send(get) }
            isSent = true
        }
        edge.server.drain {}
        #expect(try client.closes())
        #expect(client.responses.map { $0.fields["connection"] } == ["close"])
        #expect(!client.wasReset)
    }

    @Test(arguments: EdgeUnderTest.Transport.allCases)
    func `answers a client that has connected but was not accepted yet`(_ transport: EdgeUnderTest.Transport) throws {
        let edge = try EdgeUnderTest(over: transport)
        let client = try edge.connect()
        client.send(get)
        client.awaitDelivery()
        var drained = false
        edge.server.drain { drained = true }
        #expect(!drained)
        #expect(try client.closes())
        #expect(client.responses.map { $0.fields["connection"] } == ["close"])
        client.disconnect()
        #expect(try edge.run { drained })
    }

    @Test func `does not wait for another request after an answer that was being sent`() throws {
        let edge = try EdgeUnderTest()
        edge.answerBytes = 3_000_000
        let client = try edge.connect()
        client.send(get)
        try edge.settle()
        var drained = false
        edge.server.drain { drained = true }
        #expect(try client.closes())
        #expect(client.responses.map(\.body.utf8.count) == [3_000_000])
        client.disconnect()
        #expect(try edge.run { drained })
    }

    @Test func `ends after the request under way, and looks at nothing that was pipelined after it`() throws {
        let edge = try EdgeUnderTest()
        edge.defers = true
        let client = try edge.connect()
        client.send(get + get)
        #expect(try edge.run { edge.deferred.count == 1 })
        edge.server.drain {}
        edge.answer(edge.deferred[0], "ok")
        #expect(try client.closes())
        // "close" means that nothing after it was looked at: the client may send that again elsewhere.
        #expect(client.responses.map { $0.fields["connection"] } == ["close"])
        #expect(edge.handled.count == 1)
    }

    @Test func `is done at once if nobody is connected`() throws {
        let edge = try EdgeUnderTest()
        var drained = false
        edge.server.drain { drained = true }
        #expect(drained)
    }

    @Test(arguments: EdgeUnderTest.Transport.allCases)
    func `a released server closes its connections`(_ transport: EdgeUnderTest.Transport) throws {
        let edge = try EdgeUnderTest(over: transport)
        let client = try edge.connect()
        client.send(get)
        #expect(try client.responses(1).count == 1)
        edge.dropServer()
        client.receive()
        #expect(client.isClosed)
        #expect(throws: (any Error).self) { _ = try edge.connect() }
    }
}

@Suite struct `Retiring the server` {
    @Test(arguments: EdgeUnderTest.Transport.allCases)
    func `answers on connections that were idle, and on new ones, and ends each with its answer`(
        _ transport: EdgeUnderTest.Transport
    ) throws {
        let edge = try EdgeUnderTest(over: transport)
        let kept = try edge.connect()
        kept.send(get)
        #expect(try kept.responses(1).count == 1)
        var drained = false
        edge.server.retire(afterMilliseconds: 5000) { drained = true }
        try edge.settle()
        // A proxy sends a request on the connection that it has kept: it must not find it closed.
        kept.send(get)
        #expect(try kept.closes())
        #expect(kept.responses.map { $0.fields["connection"] } == [nil, "close"])
        #expect(!kept.wasReset)
        let other = try edge.connect()
        try edge.settle()
        let new = try edge.connect()
        new.send(get)
        #expect(try new.closes())
        #expect(new.responses.map { $0.fields["connection"] } == ["close"])
        #expect(!drained)
        for client in [kept, new, other] { client.disconnect() }
        #expect(try edge.run { drained })
    }

    @Test func `closes no connection that an answer of the same pass left open`() throws {
        let edge = try EdgeUnderTest()
        edge.defers = true
        let client = try edge.connect()
        client.send(get)
        #expect(try edge.run { edge.deferred.count == 1 })
        edge.answer(edge.deferred[0], "ok")
        edge.server.retire(afterMilliseconds: 5000) {}
        edge.defers = false
        #expect(try client.responses(1).map { $0.fields["connection"] } == [nil])
        try edge.settle()
        client.send(get)
        #expect(try client.closes())
        #expect(client.responses.map { $0.fields["connection"] } == [nil, "close"])
    }

    @Test func `accepts no more after its time, and waits a second for what it accepted last`() throws {
        let edge = try EdgeUnderTest()
        let idle = try edge.connect()
        try edge.settle()
        var drained = false
        edge.server.retire(afterMilliseconds: 5000) { drained = true }
        try edge.advance(milliseconds: 4999)
        let last = try edge.connect()
        try edge.settle()
        try edge.advance(milliseconds: 2)
        #expect(throws: (any Error).self) { _ = try edge.connect() }
        last.send(get)
        #expect(try last.closes())
        #expect(last.responses.map { $0.fields["connection"] } == ["close"])
        last.disconnect()
        try edge.settle()
        idle.receive()
        #expect(!idle.isClosed && !drained)
        try edge.advance(milliseconds: 1001)
        #expect(try idle.closes())
        #expect(try edge.run { drained })
    }

    @Test func `is done at once if nobody is connected`() throws {
        let edge = try EdgeUnderTest()
        var drained = false
        edge.server.retire(afterMilliseconds: 5000) { drained = true }
        #expect(drained)
    }

    @Test func `keeps to its time even if only a client was there that it had not accepted yet`() throws {
        let edge = try EdgeUnderTest()
        let idle = try edge.connect()
        var drained = false
        edge.server.retire(afterMilliseconds: 5000) { drained = true }
        try edge.settle()
        #expect(edge.server.counters.open == 1)
        try edge.advance(milliseconds: 5001)
        #expect(throws: (any Error).self) { _ = try edge.connect() }
        try edge.advance(milliseconds: 1001)
        #expect(try idle.closes())
        #expect(try edge.run { drained })
    }

    @Test func `answers a client that was not accepted yet, although nobody else is connected`() throws {
        let edge = try EdgeUnderTest()
        let client = try edge.connect()
        client.send(get)
        client.awaitDelivery()
        var drained = false
        edge.server.retire(afterMilliseconds: 5000) { drained = true }
        #expect(!drained)
        #expect(try client.closes())
        #expect(client.responses.map { $0.fields["connection"] } == ["close"])
        client.disconnect()
        #expect(try edge.run { drained })
    }
}
