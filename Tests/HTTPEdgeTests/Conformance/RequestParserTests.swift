import Foundation
import Shared
import TestSupport
import Testing

@testable import HTTPEdge

@Suite struct `The request parser` {
    /// The outcome for these bytes as a status: 0 for an incomplete head, 200 for a complete one.
    private func verdict(_ bytes: ArraySlice<UInt8>) -> Int {
        var parser = RequestParser(limits: EdgeLimits())
        let bytes = Array(bytes)
        let outcome = parser.parse(bytes.span)
        switch outcome {
        case .incomplete: return 0
        case .head(let head) where head.isChunked: return verdict(onChunks: Array(bytes[head.bytes...]))
        case .head(let head): return bytes.count < head.messageBytes ? 0 : 200
        case .refused(let problem): return problem.status.rawValue
        }
    }

    private func verdict(onChunks bytes: [UInt8]) -> Int {
        var bytes = bytes
        var chunks = ChunkedBody()
        var span = bytes.mutableSpan
        let step = chunks.decode(&span, from: 0, limits: EdgeLimits())
        switch step {
        case .incomplete: return 0
        case .complete: return 200
        case .refused(let problem): return problem.status.rawValue
        }
    }

    @Test(arguments: RequestCase.all)
    func `takes what the standard allows and refuses the rest`(_ example: RequestCase) {
        #expect(verdict(example.bytes[...]) == example.status ?? 200)
    }

    @Test(arguments: RequestCase.all)
    func `comes to no other verdict wherever the bytes are cut`(_ example: RequestCase) {
        let bytes = example.bytes
        let whole = example.status ?? 200
        // Long messages are cut only at some places; what matters is within the first 600 and the last 20 bytes.
        let cuts = (0..<bytes.count).filter { $0 < 600 || $0 % 97 == 0 || $0 > bytes.count - 20 }
        let otherwise = cuts.filter { ![0, whole].contains(verdict(bytes[..<$0])) }
        #expect(otherwise.isEmpty, "cut at these places")
    }

    @Test(arguments: RequestCase.all)
    func `comes to the same verdict whatever follows`(_ example: RequestCase) {
        for rest in ["\0", "GET / HTTP/1.1\r\n\r\n", String(repeating: "x", count: 20_000)] {
            #expect(verdict(example.bytes[...] + Array(rest.utf8)) == example.status ?? 200, "\(rest.prefix(20))")
        }
    }

    @Test(arguments: [
        ("/", "/", ""), ("/a/b", "/a/b", ""), ("/a?b=c", "/a", "b=c"), ("/a?b=c?d", "/a", "b=c?d"), ("/a?", "/a", ""),
        ("/?", "/", ""), ("http://h/a?b", "/a", "b"), ("https://h/a/b", "/a/b", ""), ("HTTP://H/a", "/a", ""),
        ("/http://other/", "/http://other/", ""), ("//other/a", "//other/a", ""),
    ])
    func `splits a target into path and query`(_ target: String, _ path: String, _ query: String) {
        var parser = RequestParser(limits: EdgeLimits())
        let bytes = Array("GET \(target) HTTP/1.1\r\nHost: h\r\n\r\n".utf8)
        let outcome = parser.parse(bytes.span)
        guard case .head(let head) = outcome else {
            Issue.record("refused")
            return
        }
        #expect(String(decoding: bytes[head.path], as: UTF8.self) == path)
        #expect(String(decoding: bytes[head.query], as: UTF8.self) == query)
    }

    @Test(arguments: RequestCase.unfinished)
    func `waits for the rest of what is cut off`(_ message: String) {
        #expect(verdict(Array(message.utf8)[...]) == 0)
    }

    @Test(arguments: RequestCase.all.filter { $0.status == nil })
    func `never takes a head for complete before its empty line`(_ example: RequestCase) throws {
        let bytes = example.bytes
        let body = example.message.components(separatedBy: "\r\n\r\n").dropFirst().joined(separator: "\r\n\r\n")
        let head = bytes.count - body.utf8.count
        let early = (0..<head).filter { $0 < 600 || $0 > head - 40 }.filter { verdict(bytes[..<$0]) != 0 }
        #expect(early.isEmpty, "cut at these places")
    }

    @Test func `finds the parts of a request`() throws {
        let text = "POST /v1/sales/x/purchases?a=b HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nX:  y \r\n\r\n{}GET"
        var parser = RequestParser(limits: EdgeLimits())
        let bytes = Array(text.utf8)
        let outcome = parser.parse(bytes.span)
        guard case .head(let head) = outcome else {
            Issue.record("refused")
            return
        }
        func part(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
        #expect(head.method == .post)
        #expect(part(head.path) == "/v1/sales/x/purchases")
        #expect(part(head.query) == "a=b")
        #expect(head.contentLength == 2)
        #expect(part(head.bytes..<head.messageBytes) == "{}")
        #expect(parser.fields.map { part($0.name) } == ["Host", "Content-Length", "X"])
        #expect(parser.fields.map { part($0.value) } == ["h", "2", "y"])
    }

    @Test(arguments: [
        ("HTTP/1.1", "", true), ("HTTP/1.1", "Connection: close\r\n", false),
        ("HTTP/1.1", "Connection: x, Close ,y\r\n", false), ("HTTP/1.0", "", false),
        ("HTTP/1.0", "Connection: keep-alive\r\n", true), ("HTTP/1.0", "Connection: keep-alive, close\r\n", false),
        ("HTTP/1.0", "Connection: close\r\nConnection: keep-alive\r\n", false),
        ("HTTP/1.1", "Connection: close\r\nConnection: keep-alive\r\n", false),
    ])
    func `knows whether the connection stays open`(_ version: String, _ fields: String, _ goesOn: Bool) {
        var parser = RequestParser(limits: EdgeLimits())
        let bytes = Array("GET / \(version)\r\nHost: h\r\n\(fields)\r\n".utf8)
        let outcome = parser.parse(bytes.span)
        guard case .head(let head) = outcome else {
            Issue.record("refused")
            return
        }
        #expect(head.keepAlive == goesOn)
    }

    @Test func `survives random bytes, and random damage to good requests`() {
        var random = SeededRandom()
        let good = RequestCase.all.filter { $0.bytes.count < 1000 }.map(\.bytes)
        for _ in 0..<20_000 {
            var bytes = good.randomElement(using: &random)!
            for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
                let at = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: at)
                default: bytes.insert(UInt8.random(in: 0...255, using: &random), at: at)
                }
            }
            let whole = verdict(bytes[...])
            let early = verdict(bytes[..<Int.random(in: 0...bytes.count, using: &random)])
            #expect(early == 0 || early == whole || whole == 0, "seed \(random.seed)")
        }
    }
}
