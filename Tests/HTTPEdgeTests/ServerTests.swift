import EventLoop
import Foundation
import HTTPEdge
import TestSupport
import Testing

private let get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"

@Suite struct `The server` {
    @Test func `answers request after request on one connection`() throws {
        let edge = try EdgeUnderTest()
        let client = try edge.connect()
        for number in 1...5 {
            client.send(get)
            #expect(try client.responses(number).count == number)
        }
        #expect(edge.server.counters.accepted == 1)
    }

    @Test func `answers pipelined requests in order, one at a time`() throws {
        let edge = try EdgeUnderTest()
        edge.defers = true
        let client = try edge.connect()
        client.send((1...50).map { "GET /\($0) HTTP/1.1\r\nHost: h\r\n\r\n" }.joined())
        for number in 1...50 {
            #expect(try edge.turn { edge.deferred.count == number })
            try edge.settle()
            #expect(edge.deferred.count == number, "a second request of the connection was handed on")
            edge.answer(edge.deferred[number - 1], "\(number)")
        }
        #expect(
            try client.responses(50).map(\.body)
                == (1...50).map { "\($0)".padding(toLength: 2, withPad: ".", startingAt: 0) })
        #expect(edge.handled == (1...50).map { "get /\($0)" })
    }

    @Test func `answers in the order of deciding, over many connections`() throws {
        let edge = try EdgeUnderTest()
        edge.defers = true
        let clients = try (0..<20).map { _ in try edge.connect() }
        for client in clients { client.send(get) }
        #expect(try edge.turn { edge.deferred.count == 20 })
        for (number, exchange) in edge.deferred.enumerated().reversed() { edge.answer(exchange, "\(number)") }
        for client in clients { #expect(try client.responses(1).count == 1) }
    }

    @Test func `takes a body that comes in pieces`() throws {
        let edge = try EdgeUnderTest()
        let client = try edge.connect()
        client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n01234")
        try edge.settle()
        #expect(edge.handled.isEmpty)
        client.send("56789" + get)
        #expect(try client.responses(2).count == 2)
        #expect(edge.bodies == ["0123456789", ""])
    }

    @Test func `asks for a body that waits to be asked for, once`() throws {
        let edge = try EdgeUnderTest()
        let client = try edge.connect()
        client.send("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        #expect(
            try edge.turn {
                client.receive(); return client.text == "HTTP/1.1 100 Continue\r\n\r\n"
            })
        client.send("bo")
        try edge.settle()
        client.send("dy")
        #expect(try client.responses(2).map(\.status) == [100, 200])
        #expect(edge.bodies == ["body"])
    }

    @Test func `does not ask a client of HTTP/1.0, which would not understand`() throws {
        let edge = try EdgeUnderTest()
        let client = try edge.connect()
        client.send("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        try edge.settle()
        client.receive()
        #expect(client.text.isEmpty)
        client.send("body")
        #expect(try client.responses(1).map(\.status) == [200])
    }

    @Test func `sends no body to HEAD, and the length that GET would have had`() throws {
        let edge = try EdgeUnderTest()
        let client = try edge.connect()
        client.send("HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        #expect(try client.closes())
        #expect(client.text.contains("Content-Length: 2\r\n"))
        #expect(client.text.hasSuffix("\r\n\r\n"))
    }

    @Test(arguments: [
        ("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "close"), ("GET / HTTP/1.0\r\n\r\n", "close"),
    ])
    func `closes when the client wants that, or knows no better`(_ request: String, _ field: String) throws {
        let edge = try EdgeUnderTest()
        let client = try edge.connect()
        client.send(request)
        #expect(try client.closes())
        #expect(client.responses.map { $0.fields["connection"] } == [field])
    }

    @Test func `keeps a connection of HTTP/1.0 that asks for it, and says so`() throws {
        let edge = try EdgeUnderTest()
        let client = try edge.connect()
        for number in 1...2 {
            client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            #expect(try client.responses(number).last?.fields["connection"] == "keep-alive")
        }
    }

    @Test func `dates its answers and names each request`() throws {
        let edge = try EdgeUnderTest()
        let client = try edge.connect()
        client.send(get + get)
        let answers = try client.responses(2)
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        formatter.timeZone = TimeZone(identifier: "GMT")
        for answer in answers {
            let date = try #require(formatter.date(from: answer.fields["date"] ?? ""))
            #expect(abs(date.timeIntervalSinceNow) < 60)
            #expect(answer.fields["x-request-id"]?.count == 32)
        }
        #expect(answers[0].fields["x-request-id"] != answers[1].fields["x-request-id"])
    }

    @Test func `continues a client's trace, and ignores one that is not valid`() throws {
        let edge = try EdgeUnderTest()
        let client = try edge.connect()
        let trace = "0af7651916cd43dd8448eb211c80319c"
        client.send("GET / HTTP/1.1\r\nHost: h\r\ntraceparent: 00-\(trace)-b7ad6b7169203331-01\r\n\r\n")
        client.send("GET / HTTP/1.1\r\nHost: h\r\ntraceparent: 00-\(trace.uppercased())-b7ad6b7169203331-01\r\n\r\n")
        let answers = try client.responses(2).map { $0.fields["x-request-id"] }
        #expect(answers[0] == trace)
        #expect(answers[1]?.lowercased() != trace)
    }

    @Test func `answers a client that has finished sending, and closes then`() throws {
        let edge = try EdgeUnderTest()
        edge.defers = true
        let client = try edge.connect()
        client.send(get + get)
        client.finishSending()
        for number in 1...2 {
            #expect(try edge.turn { edge.deferred.count == number })
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
        #expect(try edge.turn { edge.deferred.count == 1 })
        gone.disconnect()
        #expect(try edge.turn { edge.server.counters.open == 0 })
        let other = try edge.connect()
        other.send(get)
        #expect(try edge.turn { edge.deferred.count == 2 })
        edge.answer(edge.deferred[0], "for the one that has gone")
        try edge.settle()
        other.receive()
        #expect(other.text.isEmpty)
        edge.answer(edge.deferred[1], "ok")
        #expect(try other.responses(1).map(\.body) == ["ok"])
    }
}
