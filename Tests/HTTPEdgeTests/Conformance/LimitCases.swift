/// Limits of size and number (RFC 9112 sections 3 and 5, RFC 9110 section 5.4).
extension RequestCase {
    /// A request whose head has this many bytes.
    private static func head(of bytes: Int) -> String {
        let rest = get(host + "X: \r\n").utf8.count
        return get(host + "X: \(String(repeating: "a", count: bytes - rest))\r\n")
    }

    static let limits = [
        RequestCase(
            nil, "a request line of 8000 bytes", "GET /\(String(repeating: "a", count: 7986)) HTTP/1.1\r\n\(host)\r\n"),
        RequestCase(
            414, "a request line of 8001 bytes", "GET /\(String(repeating: "a", count: 7987)) HTTP/1.1\r\n\(host)\r\n"),
        RequestCase(
            414, "a request line of 8001 bytes of another version",
            "GET /\(String(repeating: "a", count: 7987)) HTTP/2.0\r\n\(host)\r\n"),
        RequestCase(
            nil, "a request line of 8000 bytes behind an empty line",
            "\r\nGET /\(String(repeating: "a", count: 7986)) HTTP/1.1\r\n\(host)\r\n"),
        RequestCase(
            414, "a request line that goes wrong beyond the limit", "GET /\(String(repeating: "a", count: 8100))\0"),
        RequestCase(
            400, "a request line that goes wrong before the limit", "GET /\(String(repeating: "a", count: 7900))\0"),
        RequestCase(414, "a request line without an end", "GET /\(String(repeating: "a", count: 20_000))"),
        RequestCase(nil, "100 fields", get(host + (1...99).map { "X-\($0): y\r\n" }.joined())),
        RequestCase(431, "101 fields", get(host + (1...100).map { "X-\($0): y\r\n" }.joined())),
        RequestCase(nil, "a head of 16384 bytes", head(of: 16_384)),
        RequestCase(431, "a head of 16385 bytes", head(of: 16_385)),
        RequestCase(431, "a field that goes wrong beyond the limit", head(of: 16_500) + "X: \0\r\n"),
        RequestCase(
            431, "a field that goes wrong beyond the limit, in a line of its own",
            get(host + "X: \(String(repeating: "a", count: 16_400))\r\nX\0: y\r\n")),
        RequestCase(431, "a field beyond the limit", get(host + "X: \(String(repeating: "a", count: 17_000))\r\n")),
        RequestCase(
            431, "a field without an end", "GET / HTTP/1.1\r\n\(host)X: \(String(repeating: "a", count: 17_000))"),
        RequestCase(
            431, "a megabyte of fields",
            get(host + String(repeating: "X: \(String(repeating: "a", count: 1000))\r\n", count: 1000))),
        RequestCase(400, "a method without an end", String(repeating: "A", count: 17_000)),
    ]
}
