import EventLoop
import Foundation
import HTTPEdge
import Testing

/// The same tables over a socket: the whole edge comes to its parser's verdict, and acts on it.
@Suite struct `The edge` {
    @Test func `has more than two hundred cases, each with a description of its own`() {
        #expect(RequestCase.all.count >= 200)
        #expect(Set(RequestCase.all.map(\.what)).count == RequestCase.all.count)
    }

    /// A fourth of the tables, because the parser's own tests cut every message. (The end of an answer to HEAD can't be
    /// seen.)
    @Test(arguments: RequestCase.all.filter { !$0.message.hasPrefix("HEAD") && $0.bytes.count < 300 }.everyFourth)
    func `comes to the same verdict wherever a message is cut in two`(_ example: RequestCase) throws {
        let edge = try EdgeUnderTest()
        let bytes = example.bytes
        for cut in 1..<bytes.count {
            let client = try edge.connect()
            client.send(Array(bytes[..<cut]))
            try edge.loop.pass(waitMilliseconds: 0)
            client.send(Array(bytes[cut...]))
            let answer = try #require(try client.responses(1).first, "cut at \(cut)")
            #expect(answer.status == example.status ?? 200, "cut at \(cut)")
        }
        #expect(edge.handled.count == (example.status == nil ? bytes.count - 1 : 0))
        if let body = example.body { #expect(edge.bodies.allSatisfy { $0 == body }) }
    }

    @Test(arguments: RequestCase.unfinished)
    func `neither answers nor handles what a client leaves unfinished`(_ message: String) throws {
        let edge = try EdgeUnderTest()
        let client = try edge.connect()
        client.send(message)
        try edge.settle()
        client.finishSending()
        #expect(try client.closes())
        #expect(client.text.isEmpty)
        #expect(edge.handled.isEmpty)
        #expect(edge.server.counters.open == 0)
    }

    private static let hidden = Array("GET /hidden HTTP/1.1\r\nHost: shop.example\r\n\r\n".utf8)

    @Test(arguments: RequestCase.all.filter { $0.status == nil }, [false, true])
    func `answers a good request, whole or byte by byte`(_ example: RequestCase, _ byteByByte: Bool) throws {
        let edge = try EdgeUnderTest()
        let client = try edge.exchange(example.bytes, byteByByte: byteByByte)
        #expect(client.text.hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(edge.handled.count == 1)
        if let body = example.body { #expect(edge.bodies == [body]) }
    }

    @Test(arguments: RequestCase.all.filter { $0.status != nil }, [false, true])
    func `refuses a bad one, and nothing that is hidden behind it is looked at`(
        _ example: RequestCase, _ byteByByte: Bool
    ) throws {
        // A megabyte, byte by byte, shows nothing that 17,000 bytes don't.
        if byteByByte, example.bytes.count > 30_000 { return }
        let edge = try EdgeUnderTest()
        // A message that is refused before its end needs no request hidden after it.
        let client = try edge.exchange(example.bytes + Self.hidden, byteByByte: byteByByte)
        let answer = try #require(client.responses.first)
        #expect(answer.status == example.status)
        #expect(answer.fields["connection"] == "close")
        #expect(answer.fields["content-type"] == "application/problem+json")
        let problem = try JSONSerialization.jsonObject(with: Data(answer.body.utf8)) as? [String: Any]
        #expect(problem?["status"] as? Int == example.status)
        #expect((problem?["type"] as? String)?.hasPrefix("/problems/") == true)
        #expect(problem?["instance"] as? String == "urn:trace:\(answer.fields["x-request-id"] ?? "")")
        #expect(client.responses.count == 1)
        #expect(edge.handled.isEmpty)
        client.finishSending()
        #expect(try client.closes())
        #expect(edge.server.counters.open == 0)
    }
}

extension [RequestCase] {
    fileprivate var everyFourth: [RequestCase] { indices.filter { $0 % 4 == 0 }.map { self[$0] } }
}
