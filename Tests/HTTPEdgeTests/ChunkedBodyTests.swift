import EventLoop
import Foundation
import HTTPEdge
import TestSupport
import Testing

private let head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
private let get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"

/// What the tables of cases can't express: chunked bodies that arrive over time, and beside other requests.
@Suite struct `A chunked body` {
    @Test func `may arrive in pieces, and other requests may follow it`() throws {
        let edge = try EdgeUnderTest()
        let client = try edge.connect()
        for piece in [head, "5\r", "\nhe", "llo", "\r\n3;x=\"", "y\"\r\n", "you\r\n0\r\n"] {
            client.send(piece)
            try edge.settle()
            #expect(edge.handled.isEmpty)
        }
        client.send("\r\n" + get + head + "1\r\n!\r\n0\r\n\r\n" + get)
        #expect(try client.responses(4).count == 4)
        #expect(edge.bodies == ["helloyou", "", "!", ""])
    }

    @Test func `that was pipelined is read when the request before it has been answered`() throws {
        let edge = try EdgeUnderTest()
        edge.defers = true
        let client = try edge.connect()
        client.send(get + head + "5\r\nhel")
        #expect(try edge.run { edge.deferred.count == 1 })
        edge.answer(edge.deferred[0], "ok")
        #expect(try client.responses(1).count == 1)
        edge.defers = false
        client.send("lo\r\n0\r\n\r\n")
        #expect(try client.responses(2).count == 2)
        #expect(edge.bodies == ["", "hello"])
    }

    @Test func `and a head of the full sizes fit, however small the chunks`() throws {
        let edge = try EdgeUnderTest()
        let start = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nX: "
        let head = start + String(repeating: "x", count: 16_384 - start.utf8.count - 4) + "\r\n\r\n"
        let client = try edge.connect()
        client.send(head)
        for number in 0..<1024 {
            client.send("1\r\n")
            try edge.loop.pass(waitMilliseconds: 0)
            client.send("\(number % 10)\r\n")
            try edge.loop.pass(waitMilliseconds: 0)
        }
        client.send("0\r\n\r\n")
        #expect(try client.responses(1).map(\.status) == [200])
        #expect(edge.bodies == [(0..<1024).map { "\($0 % 10)" }.joined()])
    }

    @Test func `is asked for once if its client expects 100 (Continue)`() throws {
        let edge = try EdgeUnderTest()
        let client = try edge.connect()
        client.send("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n")
        #expect(
            try edge.run {
                client.receive()
                return client.text == "HTTP/1.1 100 Continue\r\n\r\n"
            })
        client.send("4\r\nbo")
        try edge.settle()
        client.send("dy\r\n0\r\n\r\n")
        #expect(try client.responses(2).map(\.status) == [100, 200])
        #expect(edge.bodies == ["body"])
    }

    @Test func `is not waited for longer because it trickles in`() throws {
        let edge = try EdgeUnderTest()
        let client = try edge.connect()
        client.send(head)
        try edge.settle()
        var sent = 0
        while !client.isClosed, sent < 100 {
            client.send("1\r\nx\r\n")
            try edge.settle()
            try edge.advance(milliseconds: 1000)
            client.receive()
            sent += 1
        }
        #expect(sent == 10)
        #expect(edge.handled.isEmpty)
        #expect(edge.server.counters.timedOut == 1)
    }

    @Test func `that goes wrong late is refused as its own request demands`() throws {
        let edge = try EdgeUnderTest()
        let client = try edge.connect()
        client.send("HEAD / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel")
        try edge.settle()
        // Another client's head goes through the same parser.
        let other = try edge.connect()
        other.send(get)
        #expect(try other.responses(1).count == 1)
        client.send("lo\n" + get)
        #expect(try client.closes())
        #expect(client.text.hasPrefix("HTTP/1.1 400 Bad Request\r\n"))
        #expect(client.text.hasSuffix("\r\n\r\n"), "HEAD has no body, refused or not")
        #expect(edge.handled.count == 1)
    }

    @Test(arguments: EdgeUnderTest.Transport.allCases)
    func `means the same, whatever chunks it is in and wherever they are cut`(
        _ transport: EdgeUnderTest.Transport
    ) throws {
        var random = SeededRandom()
        let edge = try EdgeUnderTest(over: transport)
        for _ in 0..<20 {
            var clients: [(client: EdgeClient, rest: ArraySlice<UInt8>)] = []
            var bodies: [String] = []
            for _ in 0..<5 {
                // "\r\n" is one character, and two bytes.
                let letters = (0..<Int.random(in: 0...512, using: &random)).map { _ in
                    ["a", "b", "0", "\r\n"].randomElement(using: &random)!
                }
                let body = letters.joined()
                bodies.append(body)
                clients.append((try edge.connect(), Array((head + chunked(body, &random)).utf8)[...]))
            }
            let handled = edge.handled.count
            while clients.contains(where: { !$0.rest.isEmpty }) {
                let index = clients.indices.randomElement(using: &random)!
                let piece = clients[index].rest.prefix(Int.random(in: 1...200, using: &random))
                clients[index].client.send(Array(piece))
                clients[index].rest = clients[index].rest.dropFirst(piece.count)
                try edge.loop.pass(waitMilliseconds: 0)
            }
            #expect(try edge.run { edge.handled.count == handled + 5 }, "seed \(random.seed)")
            #expect(edge.bodies.suffix(5).sorted() == bodies.sorted(), "seed \(random.seed)")
        }
    }

    /// A body in chunks of random sizes, with extensions and trailers now and then.
    private func chunked(_ body: String, _ random: inout SeededRandom) -> String {
        var rest = body.utf8[...]
        var text = ""
        while !rest.isEmpty {
            let chunk = rest.prefix(Int.random(in: 1...300, using: &random))
            rest = rest.dropFirst(chunk.count)
            let size = String(chunk.count, radix: 16, uppercase: Bool.random(using: &random))
            let mark = ["", "", ";a", ";a=b", " ; a=\"\\\"\""].randomElement(using: &random)!
            text += "\(size)\(mark)\r\n\(String(decoding: Array(chunk), as: UTF8.self))\r\n"
        }
        return text + "0\r\n" + ["", "X: y\r\n"].randomElement(using: &random)! + "\r\n"
    }
}
