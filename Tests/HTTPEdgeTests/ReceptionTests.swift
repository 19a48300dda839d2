import EventLoop
import Glibc
import HTTPEdge
import Shared
import TestSupport
import Testing

@Suite struct `What a pass receives` {
    @Test func `is all received before any of it is parsed`() throws {
        let edge = try EdgeUnderTest()
        let clients = try (0..<3).map { _ in try edge.connect() }
        try edge.settle()
        for (number, client) in clients.enumerated() { client.send("GET /\(number) HTTP/1.1\r\nHost: h\r\n\r\n") }
        var unread: [Int32] = []
        edge.whileHandling = { _ in unread += clients.map { unreadBytes(of: $0) } }
        try edge.loop.pass(waitMilliseconds: 0)
        #expect(edge.handled == ["get /0", "get /1", "get /2"])
        #expect(unread.allSatisfy { $0 == 0 })
    }

    @Test func `is parsed in the order of arrival, even if it is more than is kept at once`() throws {
        let edge = try EdgeUnderTest()
        edge.answerBytes = 1
        // 64 messages of 16 KiB are a mebibyte, twice what is kept.
        let clients = try (0..<64).map { _ in try edge.connect() }
        try edge.settle()
        let filling = String(repeating: "f", count: 16_000)
        for (number, client) in clients.enumerated() {
            client.send("GET /\(number) HTTP/1.1\r\nHost: h\r\nFilling: \(filling)\r\n\r\n")
        }
        try edge.loop.pass(waitMilliseconds: 0)
        #expect(edge.handled == (0..<64).map { "get /\($0)" })
        for (number, client) in clients.enumerated() {
            #expect(try client.responses(1).map(\.body) == ["\(number + 1)"])
        }
    }

    @Test func `is put after what its connection holds, between whole requests of others`() throws {
        let edge = try EdgeUnderTest()
        let slow = try (0..<3).map { _ in try edge.connect() }
        let quick = try (0..<3).map { _ in try edge.connect() }
        let filling = String(repeating: "f", count: 1000)
        for client in slow {
            client.send("POST /slow HTTP/1.1\r\nHost: h\r\nFilling: \(filling)\r\nContent-Length: 6\r\n\r\nab")
        }
        try edge.settle()
        for number in 0..<3 {
            slow[number].send("cd\(number)f")
            quick[number].send("POST /quick HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nq\(number)")
        }
        try edge.loop.pass(waitMilliseconds: 0)
        #expect(edge.bodies == ["abcd0f", "q0", "abcd1f", "q1", "abcd2f", "q2"])
    }

    @Test func `is not disturbed by a client that is no longer listened to`() throws {
        let edge = try EdgeUnderTest()
        let leaving = try edge.connect()
        let staying = try edge.connect()
        leaving.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        try edge.settle()
        staying.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nsafe")
        leaving.send(String(repeating: "x", count: 4000))
        try edge.loop.pass(waitMilliseconds: 0)
        #expect(edge.bodies == ["", "safe"])
    }

    /// Otherwise a client with a full buffer would wake the loop in every pass.
    @Test func `is not more than one piece behind a request that is being handled`() throws {
        let edge = try EdgeUnderTest()
        edge.defers = true
        let client = try edge.connect()
        let get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
        for _ in 0..<3 {
            client.send(get)
            try edge.settle()
        }
        #expect(edge.deferred.count == 1)
        #expect(unreadBytes(of: client) > 0)
        edge.defers = false
        edge.answer(edge.deferred[0], "1")
        #expect(try client.responses(3).count == 3)
        #expect(unreadBytes(of: client) == 0)
    }

    /// How many bytes sent by a client the server has not read.
    private func unreadBytes(of client: EdgeClient) -> Int32 {
        var count: Int32 = -1
        #expect(ioctl(client.descriptor, UInt(TIOCOUTQ), &count) == 0)
        return count
    }
}
