import Testing

/// A message, and how a strict server treats it. The tables beside this file are the specification of the edge; each
/// covers one part of RFC 9112 and RFC 9110.
struct RequestCase: Sendable, CustomTestStringConvertible {
    /// The status of a refusal; nil if the request goes to the handler.
    let status: Int?
    let what: String
    let message: String
    /// The body that the handler sees, if the case is about that.
    let body: String?

    init(_ status: Int?, _ what: String, _ message: String, body: String? = nil) {
        self.status = status
        self.what = what
        self.message = message
        self.body = body
    }

    var bytes: [UInt8] { Array(message.utf8) }
    var testDescription: String { what }
}

extension RequestCase {
    static let all = requestLines + hosts + fields + lengths + codings + chunks + connections + smuggling + limits

    // Helpers for the tables.

    static let host = "Host: shop.example\r\n"

    static func get(_ fields: String) -> String { "GET / HTTP/1.1\r\n\(fields)\r\n" }

    static func post(_ fields: String, _ body: String = "") -> String {
        "POST / HTTP/1.1\r\n\(host)\(fields)\r\n\(body)"
    }
}
