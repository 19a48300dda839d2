import Foundation
import Shared
import TestSupport
import Testing

@testable import HTTPEdge

/// A writer that tests can keep, because `#expect` takes only copyable values.
private final class Writer {
    private var writer = ResponseWriter()

    /// Composes an answer after the earlier ones, and returns its text.
    func compose(
        _ status: Status = .ok, _ contentType: ContentType = .json,
        persistence: ResponseWriter.Persistence = .implied, withoutBody: Bool = false,
        headers: (inout ByteBuffer) -> Void = { _ in }, body: (inout ByteBuffer) -> Void = { $0.append("{}") }
    ) -> String {
        let start = writer.output.count
        writer.compose(
            status, contentType, trace: TraceID(high: 1, low: 0xABCD), persistence: persistence,
            withoutBody: withoutBody, headers: headers, body: body)
        return writer.output.withUnsafeBytes { String(decoding: $0[start...], as: UTF8.self) }
    }
}

@Suite struct `An answer` {
    private let writer = Writer()

    @Test func `is a status line, the fields and the body`() throws {
        let text = writer.compose(.created, headers: { $0.appendHeader("Retry-After", 7) })
        let date = try #require(text.firstMatch(of: /Date: ([^\r]*)\r\n/)?.1)
        #expect(
            text == """
                HTTP/1.1 201 Created\r
                Date: \(date)\r
                X-Request-Id: 0000000000000001000000000000abcd\r
                Content-Type: application/json\r
                Retry-After: 7\r
                Content-Length: 2\r
                \r
                {}
                """)
        #expect(
            date.wholeMatch(of: /(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT/) != nil)
    }

    @Test func `has the date of its own second`() throws {
        func date() -> Substring? { writer.compose().firstMatch(of: /Date: ([^\r]*)\r\n/)?.1 }
        let first = try #require(date())
        #expect(eventually { date() != first })
    }

    @Test func `has nothing of the answer before it`() {
        _ = writer.compose(
            headers: { $0.appendHeader("X-Secret", "a") }, body: { $0.append("{\"long\":\"secret\"}") })
        let text = writer.compose()
        #expect(text == Writer().compose())
        #expect(!text.lowercased().contains("secret"))
    }

    @Test(arguments: [
        (ResponseWriter.Persistence.implied, nil), (.keepAlive, "Connection: keep-alive\r\n"),
        (.close, "Connection: close\r\n"),
    ])
    func `has a Connection field only if one is needed`(
        _ persistence: ResponseWriter.Persistence, _ line: String?
    ) {
        let text = writer.compose(persistence: persistence)
        #expect(text.contains("Connection:") == (line != nil))
        if let line { #expect(text.contains(line)) }
    }

    @Test func `to HEAD has the length of the body, and no body`() {
        let text = writer.compose(withoutBody: true)
        #expect(text.contains("Content-Length: 2\r\n"))
        #expect(text.hasSuffix("\r\n\r\n"))
    }

    @Test func `of 304 has neither a body nor its length`() {
        let text = writer.compose(.notModified, .none, body: { _ in })
        #expect(text.hasPrefix("HTTP/1.1 304 Not Modified\r\n"))
        #expect(!text.contains("Content-"))
        #expect(text.hasSuffix("\r\n\r\n"))
    }

    @Test(arguments: (100..<600).compactMap { Status(rawValue: $0) })
    func `has the number of its status in the status line`(_ status: Status) {
        let line = writer.compose(status).prefix { $0 != "\r\n" }
        #expect(line.wholeMatch(of: /HTTP\/1\.1 \d{3} [A-Z][A-Za-z -]*/) != nil)
        #expect(line.hasPrefix("HTTP/1.1 \(status.rawValue) "))
    }

    @Test(arguments: [
        Problem.badRequest, .contentTooLarge, .uriTooLong, .expectationFailed, .headersTooLarge,
        .notImplemented, .versionNotSupported,
    ])
    func `that refuses is a problem document`(_ problem: Problem) throws {
        let text = writer.compose(
            problem.status, .problem,
            body: { $0.append(problem, trace: TraceID(high: 1, low: 0xABCD)) { $0.append(",\"remaining\":3") } })
        #expect(text.contains("Content-Type: application/problem+json\r\n"))
        let body = try #require(text.components(separatedBy: "\r\n\r\n").last)
        let json = try #require(try JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any])
        #expect(json.keys.sorted() == ["detail", "instance", "remaining", "status", "title", "type"])
        #expect(json["type"] as? String == "/problems/\(problem.name)")
        #expect(json["title"] as? String == "\(problem.title)")
        #expect(json["status"] as? Int == problem.status.rawValue)
        #expect(json["detail"] as? String == "\(problem.detail)")
        #expect(json["instance"] as? String == "urn:trace:0000000000000001000000000000abcd")
        #expect(json["remaining"] as? Int == 3)
    }
}
