import HTTPEdge
import Shared
import TestSupport
import Testing

@testable import HTTPEdge

@Suite struct `A query` {
    private func read<R>(_ target: String, _ body: (borrowing Request) -> R) -> R? {
        let bytes = Array("GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        var parser = RequestParser(limits: EdgeLimits())
        guard case .head(let head) = parser.parse(bytes.span) else { return nil }
        let fields = parser.fields
        return body(Request(head, bytes: bytes.span, fields: fields.span))
    }

    @Test(
        arguments: [
            ("/l?after=7", .number(7)), ("/l?limit=3&after=12", .number(12)), ("/l", .absent), ("/l?", .absent),
            ("/l?before=1", .absent), ("/l?afters=1", .absent), ("/l?after=", .malformed), ("/l?after", .malformed),
            ("/l?after=-1", .malformed), ("/l?after=1x", .malformed), ("/l?&&after=5&", .number(5)),
            ("/l?after=1&after=2", .number(1)),
        ] as [(String, QueryNumber)])
    func `has its numbers read by name`(_ target: String, _ number: QueryNumber) {
        #expect(read(target) { $0.queryNumber("after") } == number)
    }

    @Test(
        arguments: [
            ("/o?buyer=a+b@x.de", "a+b@x.de"), ("/o?buyer=auth0%7Ca%26b", "auth0|a&b"), ("/o?buyer=%2525&x=%", "%25"),
            ("/o?buyer=%C3%bc", "ü"), ("/o?buyer=", ""), ("/o", nil), ("/o?buyer=a%", nil), ("/o?buyer=a%4", nil),
            ("/o?buyer=%4g", nil), ("/o?buyer=%FF", nil),
        ] as [(String, String?)])
    func `has its texts read with their percent-encoding decoded`(_ target: String, _ text: String?) {
        #expect(read(target) { $0.queryText("buyer") } == .some(text))
    }
}
