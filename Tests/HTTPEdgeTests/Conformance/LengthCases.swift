/// Bodies by Content-Length (RFC 9112 sections 6.2 and 6.3).
extension RequestCase {
    static let lengths = [
        RequestCase(nil, "a body", post("Content-Length: 5\r\n", "hello")),
        RequestCase(nil, "a body of nothing", post("Content-Length: 0\r\n")),
        RequestCase(nil, "leading zeros in a length", post("Content-Length: 0005\r\n", "hello")),
        RequestCase(nil, "a POST without a body or a length", post("")),
        RequestCase(nil, "a body with a GET", "GET / HTTP/1.1\r\n\(host)Content-Length: 2\r\n\r\n{}"),
        RequestCase(400, "two lengths that differ", post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello!")),
        RequestCase(400, "the same length twice", post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello")),
        RequestCase(400, "a list of lengths", post("Content-Length: 5, 5\r\n", "hello")),
        RequestCase(400, "a length with a plus", post("Content-Length: +5\r\n", "hello")),
        RequestCase(400, "a length with a minus", post("Content-Length: -5\r\n", "hello")),
        RequestCase(400, "a length in hexadecimal", post("Content-Length: 0x5\r\n", "hello")),
        RequestCase(400, "a length with an underscore", post("Content-Length: 1_0\r\n", "hello")),
        RequestCase(400, "a length with a space in it", post("Content-Length: 1 0\r\n", "hello")),
        RequestCase(400, "a length with a fraction", post("Content-Length: 5.0\r\n", "hello")),
        RequestCase(400, "an empty length", post("Content-Length:\r\n", "hello")),
        RequestCase(400, "a length that is no number", post("Content-Length: five\r\n", "hello")),
        RequestCase(400, "a length beyond 64 bits", post("Content-Length: 18446744073709551621\r\n", "hello")),
        RequestCase(
            400, "a length beyond any number", post("Content-Length: \(String(repeating: "9", count: 100))\r\n")),
        RequestCase(413, "a length beyond the limit", post("Content-Length: 1025\r\n")),
        RequestCase(413, "a length of a terabyte", post("Content-Length: 1099511627776\r\n")),
    ]
}
