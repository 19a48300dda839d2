import Shared
import Testing

@testable import HTTPEdge
@testable import SaleAPI

@Suite struct `A purchase's bytes` {
    /// Parses a message and hands its request to `body`.
    private func read<R>(_ fields: String, _ content: String = "", _ body: (borrowing Request) -> R) -> R? {
        let text = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(content.utf8.count)\r\n\(fields)\r\n\(content)"
        let bytes = Array(text.utf8)
        var parser = RequestParser(limits: EdgeLimits())
        guard case .head(let head) = parser.parse(bytes.span) else { return nil }
        let fields = parser.fields
        let request = Request(head, bytes: bytes.span, fields: fields.span)
        return body(request)
    }

    @Test(
        arguments: [
            ("Authorization: Bearer a.b.c\r\n", "a.b.c"), ("authorization: BEARER x\r\n", "x"), ("", nil),
            ("Authorization: Bearer \r\n", nil), ("Authorization: Basic x\r\n", nil),
            ("Authorization: Bearerx\r\n", nil),
            ("Authorization: Bearer x\r\nAuthorization: Bearer x\r\n", nil),
        ] as [(String, String?)])
    func `contain a token`(_ fields: String, _ token: String?) {
        #expect(read(fields) { $0.bearerToken?.string } == .some(token))
    }

    @Test(
        arguments: [
            ("", "", .units(1)), ("", "{}", .unsupportedMediaType),
            ("Content-Type: application/json\r\n", "{}", .units(1)),
            ("Content-Type: application/json ; charset=utf-8\r\n", #"{"quantity":99}"#, .units(99)),
            ("Content-Type: application/json\r\n", #"{"quantity":100}"#, .malformed),
            ("Content-Type: text/plain\r\n", "{}", .unsupportedMediaType),
            ("Content-Type: text/plain\r\n", "", .units(1)),
        ] as [(String, String, PurchaseRequest.Quantity)])
    func `ask for units`(_ fields: String, _ content: String, _ quantity: PurchaseRequest.Quantity) {
        #expect(read(fields, content) { PurchaseRequest.quantity($0) } == quantity)
    }
}
