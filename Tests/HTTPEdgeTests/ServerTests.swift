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

    @Test func `accepts a body that arrives in pieces`() throws {
        let edge = try EdgeUnderTest()
        let client = try edge.connect()
        client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n01234")
        try edge.settle()
        #expect(edge.handled.isEmpty)
        client.send("56789" + get)
        #expect(try client.responses(2).count == 2)
        #expect(edge.bodies == ["0123456789", ""])
    }

    @Test func `sends 100 (Continue) once to a client that expects it`() throws {
        let edge = try EdgeUnderTest()
        let client = try edge.connect()
        client.send("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        #expect(
            try edge.run {
                client.receive()
                return client.text == "HTTP/1.1 100 Continue\r\n\r\n"
            })
        client.send("bo")
        try edge.settle()
        client.send("dy")
        #expect(try client.responses(2).map(\.status) == [100, 200])
        #expect(edge.bodies == ["body"])
    }

    @Test func `sends no 100 (Continue) to a client of HTTP/1.0`() throws {
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

    @Test func `sends no body to a HEAD that it refuses, either`() throws {
        let edge = try EdgeUnderTest()
        let client = try edge.connect()
        client.send("HEAD / HTTP/1.1\r\n\r\n")
        #expect(try client.closes())
        #expect(client.text.hasPrefix("HTTP/1.1 400 Bad Request\r\n"))
        #expect(client.text.hasSuffix("\r\n\r\n"))
    }

    @Test(arguments: [
        ("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "close"), ("GET / HTTP/1.0\r\n\r\n", "close"),
    ])
    func `closes if the client asks for it, or speaks HTTP/1.0`(_ request: String, _ field: String) throws {
        let edge = try EdgeUnderTest()
        let client = try edge.connect()
        client.send(request)
        #expect(try client.closes())
        #expect(client.responses.map { $0.fields["connection"] } == [field])
    }

    @Test func `keeps a connection of HTTP/1.0 open if asked to, and says so`() throws {
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

    @Test(
        arguments: [
            ("POST", "Content-Length: 1025", "", 413), ("POST", "Expect: more", "", 417),
            ("GET", "Transfer-Encoding: gzip, chunked", "", 501), ("GET", "Host: twice", "", 400),
            ("POST", "Transfer-Encoding: chunked", "x\r\n", 400), ("BREW", "Accept: */*", "", 501),
        ])
    func `continues a client's trace in a refusal of its own`(
        _ method: String, _ field: String, _ body: String, _ status: Int
    ) throws {
        let edge = try EdgeUnderTest()
        let trace = "0af7651916cd43dd8448eb211c80319c"
        let head = "\(method) / HTTP/1.1\r\nHost: h\r\ntraceparent: 00-\(trace)-b7ad6b7169203331-01\r\n\(field)\r\n\r\n"
        for byteByByte in [false, true] {
            let client = try edge.exchange(Array((head + body).utf8), byteByByte: byteByByte)
            let answer = try #require(client.responses.first)
            #expect(answer.status == status)
            #expect(answer.fields["x-request-id"] == trace)
            #expect(answer.body.contains("urn:trace:\(trace)"))
        }
        #expect(edge.handled.isEmpty)
    }
}
