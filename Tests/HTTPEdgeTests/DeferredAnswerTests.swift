import EventLoop
import Foundation
import HTTPEdge
import TestSupport
import Testing

private let get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"

/// When answers are sent.
@Suite struct `The answers of a pass` {
    @Test func `are sent after what the pass asks of others`() throws {
        let edge = try EdgeUnderTest()
        let client = try edge.connect()
        client.send(get)
        var hadAnswerAtEndOfPass: [Bool] = []
        edge.loop.onEachPass(.gathered) { [unowned edge] in
            client.receive()
            if edge.handled.count == 1 { hadAnswerAtEndOfPass.append(!client.text.isEmpty) }
        }
        #expect(try edge.run { edge.handled.count == 1 })
        try edge.settle()
        #expect(hadAnswerAtEndOfPass.prefix(2) == [false, true])
    }

    @Test func `are sent before its end if there are too many to keep`() throws {
        let edge = try EdgeUnderTest()
        edge.defers = true
        edge.answerBytes = 100_000
        let clients = try (0..<6).map { _ in try edge.connect() }
        for client in clients { client.send(get) }
        #expect(try edge.run { edge.deferred.count == 6 })
        // The sixth makes them more than half a mebibyte.
        for (number, exchange) in edge.deferred.enumerated() {
            edge.answer(exchange, "\(number)")
            clients[0].receive()
            #expect(clients[0].text.isEmpty == (number < 5))
        }
        for client in clients { #expect(try client.responses(1).map(\.body.utf8.count) == [100_000]) }
    }

    @Test func `suit each client's own request, in whatever order they are given`() throws {
        let edge = try EdgeUnderTest()
        edge.defers = true
        let asked = [
            "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", get,
            get + get,
        ]
        let clients = try asked.map { request in
            let client = try edge.connect()
            let before = edge.deferred.count
            client.send(request)
            #expect(try edge.run { edge.deferred.count == before + 1 })
            return client
        }
        for (number, exchange) in edge.deferred.enumerated().reversed() { edge.answer(exchange, "\(number).") }
        edge.defers = false
        for client in clients.dropLast() {
            #expect(
                try edge.run {
                    client.receive()
                    return client.text.contains("\r\n\r\n")
                })
        }
        #expect(clients[0].text.contains("Content-Length: 2\r\n") && clients[0].text.hasSuffix("\r\n\r\n"))
        #expect(clients[1].text.hasSuffix("\r\n\r\n1.") && clients[1].text.contains("Connection: close"))
        #expect(clients[2].text.hasSuffix("\r\n\r\n2.") && !clients[2].text.contains("Connection:"))
        #expect(try clients[3].responses(2).map(\.body) == ["3.", "5."])
        #expect(try clients[1].closes())
    }

    @Test func `to a client that has gone don't keep others from theirs`() throws {
        let edge = try EdgeUnderTest(over: .tcp)
        edge.defers = true
        let gone = try edge.connect()
        gone.send(get)
        #expect(try edge.run { edge.deferred.count == 1 })
        let staying = try edge.connect()
        staying.send(get)
        #expect(try edge.run { edge.deferred.count == 2 })
        for exchange in edge.deferred { edge.answer(exchange, "ok") }
        gone.reset()
        #expect(try staying.responses(1).map(\.body) == ["ok"])
        #expect(try edge.run { edge.server.counters.open == 1 })
    }
}

/// Answers given in a later pass than the request arrived in, and what a client sends meanwhile.
@Suite struct `A deferred answer` {
    @Test func `answers pipelined requests in order, one at a time`() throws {
        let edge = try EdgeUnderTest()
        edge.defers = true
        let client = try edge.connect()
        client.send((1...50).map { "GET /\($0) HTTP/1.1\r\nHost: h\r\n\r\n" }.joined())
        for number in 1...50 {
            #expect(try edge.run { edge.deferred.count == number })
            try edge.settle()
            #expect(edge.deferred.count == number, "a second request of the connection was handed on")
            edge.answer(edge.deferred[number - 1], "\(number)")
        }
        #expect(
            try client.responses(50).map(\.body)
                == (1...50).map { "\($0)".padding(toLength: 2, withPad: ".", startingAt: 0) })
        #expect(edge.handled == (1...50).map { "get /\($0)" })
    }

    @Test func `can be given in any order over many connections`() throws {
        let edge = try EdgeUnderTest()
        edge.defers = true
        let clients = try (0..<20).map { _ in try edge.connect() }
        for client in clients { client.send(get) }
        #expect(try edge.run { edge.deferred.count == 20 })
        for (number, exchange) in edge.deferred.enumerated().reversed() { edge.answer(exchange, "\(number)") }
        for client in clients { #expect(try client.responses(1).count == 1) }
    }

    @Test func `reaches a client that has finished sending, and then the connection closes`() throws {
        let edge = try EdgeUnderTest()
        edge.defers = true
        let client = try edge.connect()
        client.send(get + get)
        client.finishSending()
        for number in 1...2 {
            #expect(try edge.run { edge.deferred.count == number })
            try edge.settle()
            edge.answer(edge.deferred[number - 1], "\(number)")
        }
        #expect(try client.closes())
        #expect(client.responses.count == 2)
    }

    @Test func `drops an answer whose client has gone, also when another one has its place`() throws {
        let edge = try EdgeUnderTest()
        edge.defers = true
        let gone = try edge.connect()
        gone.send(get)
        #expect(try edge.run { edge.deferred.count == 1 })
        gone.disconnect()
        #expect(try edge.run { edge.server.counters.open == 0 })
        let other = try edge.connect()
        #expect(try edge.run { edge.server.counters.open == 1 })
        // Before the other asks for anything, and while it waits for its own answer.
        edge.answer(edge.deferred[0], "for the one that has gone")
        other.send(get)
        #expect(try edge.run { edge.deferred.count == 2 })
        edge.answer(edge.deferred[0], "for the one that has gone")
        try edge.settle()
        other.receive()
        #expect(other.text.isEmpty)
        edge.answer(edge.deferred[1], "ok")
        #expect(try other.responses(1).map(\.body) == ["ok"])
    }

    @Test func `given at the end of a pass does not delay what was pipelined after it`() throws {
        let edge = try EdgeUnderTest(clockAheadMilliseconds: 3_600_000)
        edge.defers = true
        let client = try edge.connect()
        client.send(get + get)
        try edge.correctClock()
        // As happens to a batch that can't be sent.
        edge.loop.onEachPass(.gathered) { [unowned edge] in
            if edge.deferred.count == 1 { edge.answer(edge.deferred[0], "ok") }
        }
        #expect(try edge.run { edge.deferred.count == 1 })
        // Nothing but the answer itself can wake the loop for the second request.
        let start = Instant.now
        try edge.loop.pass(waitMilliseconds: 20_000)
        #expect(edge.deferred.count == 2)
        #expect(start.advanced(milliseconds: 10_000) > .now)
    }

    @Test(arguments: EdgeUnderTest.Transport.allCases)
    func `does not lose what a client pipelined before it finished sending`(
        _ transport: EdgeUnderTest.Transport
    ) throws {
        let edge = try EdgeUnderTest(over: transport)
        edge.defers = true
        let client = try edge.connect()
        client.send(get + get + get)
        client.finishSending()
        #expect(try edge.run { edge.deferred.count == 1 })
        try edge.settle()
        // The first answer comes late, the others at once.
        edge.defers = false
        edge.answer(edge.deferred[0], "1")
        #expect(try client.closes())
        #expect(client.responses.count == 3)
        #expect(edge.server.counters.open == 0)
    }

    @Test func `does not lose what was pipelined to an end that comes in the same pass`() throws {
        let edge = try EdgeUnderTest()
        edge.defers = true
        let client = try edge.connect()
        client.send(get + get)
        #expect(try edge.run { edge.deferred.count == 1 })
        edge.defers = false
        // Answered between two passes, so that the end of input is the next thing that the loop sees.
        edge.answer(edge.deferred[0], "1")
        client.finishSending()
        #expect(try client.closes())
        #expect(client.responses.count == 2)
    }

    @Test func `given first has its client's next request handled first`() throws {
        let edge = try EdgeUnderTest()
        edge.defers = true
        let clients = try (0..<5).map { _ in try edge.connect() }
        for (number, client) in clients.enumerated() {
            client.send(get + "GET /\(number) HTTP/1.1\r\nHost: h\r\n\r\n")
            #expect(try edge.run { edge.deferred.count == number + 1 })
        }
        for exchange in edge.deferred { edge.answer(exchange, "ok") }
        #expect(try edge.run { edge.handled.count == 10 })
        #expect(edge.handled.suffix(5) == (0..<5).map { "get /\($0)" })
    }

    @Test func `to another client, given from within a handler, disturbs neither`() throws {
        let edge = try EdgeUnderTest()
        edge.defers = true
        let waiting = try edge.connect()
        waiting.send(get + "POST /behind HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nabcd")
        #expect(try edge.run { edge.deferred.count == 1 })
        edge.defers = false
        edge.whileHandling = { edge in
            edge.whileHandling = nil
            edge.answer(edge.deferred[0], "ok")
        }
        let asking = try edge.connect()
        asking.send("POST /asking HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nefgh")
        #expect(try asking.responses(1).count == 1)
        #expect(try waiting.responses(2).count == 2)
        #expect(edge.handled == ["get /", "post /asking", "post /behind"])
        #expect(edge.bodies == ["", "efgh", "abcd"])
    }
}
