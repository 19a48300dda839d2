import Testing

/// A message, and what a strict server makes of it.
struct RequestCase: Sendable, CustomTestStringConvertible {
    /// The status of a refusal; nil where the request goes to the handler.
    let status: Int?
    let what: String
    let message: String

    init(_ status: Int?, _ what: String, _ message: String) {
        self.status = status
        self.what = what
        self.message = message
    }

    var bytes: [UInt8] { Array(message.utf8) }
    var testDescription: String { what }
}

extension RequestCase {
    private static let host = "Host: shop.example\r\n"

    private static func get(_ fields: String) -> String { "GET / HTTP/1.1\r\n\(fields)\r\n" }

    private static func post(_ fields: String, _ body: String = "") -> String {
        "POST / HTTP/1.1\r\n\(host)\(fields)\r\n\(body)"
    }

    static let all = requestLines + hosts + fields + bodies + codings + connections + limits

    /// RFC 9112 sections 2.2 and 3.
    private static let requestLines = [
        RequestCase(nil, "the plainest request", get(host)),
        RequestCase(nil, "a query", "GET /a?b=c?d HTTP/1.1\r\n\(host)\r\n"),
        RequestCase(nil, "one empty line before the request (2.2)", "\r\n" + get(host)),
        RequestCase(nil, "absolute-form", "GET http://shop.example/a HTTP/1.1\r\n\(host)\r\n"),
        RequestCase(nil, "absolute-form without a path", "GET http://shop.example HTTP/1.1\r\n\(host)\r\n"),
        RequestCase(nil, "absolute-form in https", "GET https://shop.example/a HTTP/1.1\r\n\(host)\r\n"),
        RequestCase(nil, "absolute-form with a scheme in capitals", "GET HTTP://shop.example/ HTTP/1.1\r\n\(host)\r\n"),
        RequestCase(
            nil, "absolute-form with a query and no path", "GET http://shop.example?a=b HTTP/1.1\r\n\(host)\r\n"),
        RequestCase(nil, "absolute-form without a host in HTTP/1.0", "GET http://shop.example/ HTTP/1.0\r\n\r\n"),
        RequestCase(nil, "an asterisk for OPTIONS", "OPTIONS * HTTP/1.1\r\n\(host)\r\n"),
        RequestCase(nil, "percent-encoding is left alone", "GET /%2e%2e/%00 HTTP/1.1\r\n\(host)\r\n"),
        RequestCase(nil, "a minor version above ours", "GET / HTTP/1.2\r\n\(host)\r\n"),
        RequestCase(nil, "GET", "GET / HTTP/1.1\r\n\(host)\r\n"),
        RequestCase(nil, "HEAD", "HEAD / HTTP/1.1\r\n\(host)\r\n"),
        RequestCase(nil, "POST", "POST / HTTP/1.1\r\n\(host)\r\n"),
        RequestCase(nil, "PUT", "PUT / HTTP/1.1\r\n\(host)\r\n"),
        RequestCase(nil, "PATCH", "PATCH / HTTP/1.1\r\n\(host)\r\n"),
        RequestCase(nil, "DELETE", "DELETE / HTTP/1.1\r\n\(host)\r\n"),
        RequestCase(nil, "OPTIONS", "OPTIONS / HTTP/1.1\r\n\(host)\r\n"),
        RequestCase(400, "two empty lines before the request", "\r\n\r\n" + get(host)),
        RequestCase(400, "a bare LF before the request", "\n" + get(host)),
        RequestCase(400, "white space before the method", " GET / HTTP/1.1\r\n\(host)\r\n"),
        RequestCase(400, "a tab for a space", "GET\t/ HTTP/1.1\r\n\(host)\r\n"),
        RequestCase(400, "two spaces before the target", "GET  / HTTP/1.1\r\n\(host)\r\n"),
        RequestCase(400, "two spaces before the version", "GET /  HTTP/1.1\r\n\(host)\r\n"),
        RequestCase(400, "a space behind the version", "GET / HTTP/1.1 \r\n\(host)\r\n"),
        RequestCase(400, "a space in the target", "GET /a b HTTP/1.1\r\n\(host)\r\n"),
        RequestCase(400, "no target", "GET HTTP/1.1\r\n\(host)\r\n"),
        RequestCase(400, "no version", "GET /\r\n\(host)\r\n"),
        RequestCase(400, "a target that is no path", "GET a HTTP/1.1\r\n\(host)\r\n"),
        RequestCase(400, "an asterisk for GET", "GET * HTTP/1.1\r\n\(host)\r\n"),
        RequestCase(400, "absolute-form of another scheme", "GET ftp://shop.example/ HTTP/1.1\r\n\(host)\r\n"),
        RequestCase(400, "absolute-form without a host", "GET http:///a HTTP/1.1\r\n\(host)\r\n"),
        RequestCase(400, "absolute-form with a user", "GET http://me@shop.example/ HTTP/1.1\r\n\(host)\r\n"),
        RequestCase(400, "absolute-form with a user in HTTP/1.0", "GET http://me@shop.example/ HTTP/1.0\r\n\r\n"),
        RequestCase(400, "a fragment in the target", "GET /a#b HTTP/1.1\r\n\(host)\r\n"),
        RequestCase(400, "NUL in the target", "GET /\0 HTTP/1.1\r\n\(host)\r\n"),
        RequestCase(400, "a byte above ASCII in the target", "GET /é HTTP/1.1\r\n\(host)\r\n"),
        RequestCase(400, "DEL in the target", "GET /\u{7F} HTTP/1.1\r\n\(host)\r\n"),
        RequestCase(400, "a method that is no token", "G(T / HTTP/1.1\r\n\(host)\r\n"),
        RequestCase(400, "the version in lower case", "GET / http/1.1\r\n\(host)\r\n"),
        RequestCase(400, "a version without a minor", "GET / HTTP/1\r\n\(host)\r\n"),
        RequestCase(400, "a version of two digits", "GET / HTTP/1.10\r\n\(host)\r\n"),
        RequestCase(400, "a version with a space in it", "GET / HTTP/1. 1\r\n\(host)\r\n"),
        RequestCase(400, "a version with a sign", "GET / HTTP/+1.1\r\n\(host)\r\n"),
        RequestCase(400, "a bare LF behind the request line", "GET / HTTP/1.1\n\(host)\r\n"),
        RequestCase(400, "a bare CR behind the request line", "GET / HTTP/1.1\rX\(host)\r\n"),
        RequestCase(400, "a TLS handshake", "\u{16}\u{03}\u{01}\u{02}\u{00}\u{01}\u{00}\u{01}"),
        RequestCase(501, "an unknown method", "BREW / HTTP/1.1\r\n\(host)\r\n"),
        RequestCase(501, "a method in lower case is another method", "get / HTTP/1.1\r\n\(host)\r\n"),
        RequestCase(501, "CONNECT", "CONNECT shop.example:443 HTTP/1.1\r\n\(host)\r\n"),
        RequestCase(501, "TRACE", "TRACE / HTTP/1.1\r\n\(host)\r\n"),
        RequestCase(505, "HTTP/2", "GET / HTTP/2.0\r\n\(host)\r\n"),
        RequestCase(505, "the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        RequestCase(505, "HTTP/0.9 with a version", "GET / HTTP/0.9\r\n\(host)\r\n"),
    ]

    /// RFC 9112 section 3.2.
    private static let hosts = [
        RequestCase(nil, "a host with a port", get("Host: shop.example:8101\r\n")),
        RequestCase(nil, "a host that is an IPv6 address", get("Host: [::1]:80\r\n")),
        RequestCase(nil, "a host that is an IPv6 address without a port", get("Host: [2001:DB8::192.0.2.1]\r\n")),
        RequestCase(nil, "a host that is an IPv4 address", get("Host: 192.0.2.1:80\r\n")),
        RequestCase(nil, "every character of a name in a host", get("Host: !$%&'()*+-.09;=AZ_az~\r\n")),
        RequestCase(nil, "a host with a colon and no port", get("Host: shop.example:\r\n")),
        RequestCase(nil, "a host's name in capitals", get("HOST:shop.example\r\n")),
        RequestCase(nil, "no host in HTTP/1.0", "GET / HTTP/1.0\r\n\r\n"),
        RequestCase(nil, "absolute-form's host in other capitals", "GET http://SHOP.example/ HTTP/1.1\r\n\(host)\r\n"),
        RequestCase(400, "no host", get("")),
        RequestCase(400, "two hosts", get(host + "Host: other.example\r\n")),
        RequestCase(400, "the same host twice", get(host + host)),
        RequestCase(400, "two hosts in HTTP/1.0", "GET / HTTP/1.0\r\n\(host)\(host)\r\n"),
        RequestCase(400, "an empty host", get("Host:\r\n")),
        RequestCase(400, "an empty host behind white space", get("Host:   \r\n")),
        RequestCase(400, "a host with a user", get("Host: me@shop.example\r\n")),
        RequestCase(400, "a host with a path", get("Host: shop.example/a\r\n")),
        RequestCase(400, "two hosts in one field", get("Host: shop.example, other.example\r\n")),
        RequestCase(400, "a host with a space", get("Host: shop example\r\n")),
        RequestCase(400, "a host with a query", get("Host: shop.example?a\r\n")),
        RequestCase(400, "a host with a port that is no number", get("Host: shop.example:8o\r\n")),
        RequestCase(400, "a host with two ports", get("Host: shop.example:80:80\r\n")),
        RequestCase(400, "a host that is a port only", get("Host: :80\r\n")),
        RequestCase(400, "a host that is an IPv6 address without brackets", get("Host: ::1\r\n")),
        RequestCase(400, "a host with a bracket that stays open", get("Host: [::1\r\n")),
        RequestCase(400, "a host with nothing in brackets", get("Host: []\r\n")),
        RequestCase(400, "a host with a name in brackets", get("Host: [shop.example]\r\n")),
        RequestCase(400, "a host with something behind its bracket", get("Host: [::1]80\r\n")),
        RequestCase(400, "a host with a byte above ASCII", get("Host: shöp.example\r\n")),
        RequestCase(400, "a host with a character that no name has", get("Host: shop|example\r\n")),
        RequestCase(400, "another host than absolute-form's", "GET http://other.example/ HTTP/1.1\r\n\(host)\r\n"),
    ]

    /// RFC 9112 section 5, RFC 9110 section 5.
    private static let fields = [
        RequestCase(nil, "no white space before a value", get("Host:shop.example\r\n")),
        RequestCase(nil, "tabs and spaces around a value", get("Host: \t shop.example \t \r\n")),
        RequestCase(nil, "an empty value", get(host + "X-Empty:\r\n")),
        RequestCase(nil, "every character of a token in a name", get(host + "!#$%&'*+-.^_`|~aZ09: x\r\n")),
        RequestCase(nil, "obs-text in a value", get(host + "X-Name: café\r\n")),
        RequestCase(nil, "a tab inside a value", get(host + "X-Tab: a\tb\r\n")),
        RequestCase(400, "a space before the colon", get("Host : shop.example\r\n")),
        RequestCase(400, "a tab before the colon", get("Host\t: shop.example\r\n")),
        RequestCase(400, "no colon", get(host + "X-Nothing\r\n")),
        RequestCase(400, "no name", get(host + ": value\r\n")),
        RequestCase(400, "a name that is no token", get(host + "X(Y): value\r\n")),
        RequestCase(400, "a name with a byte above ASCII", get(host + "X-é: value\r\n")),
        RequestCase(400, "a folded line, by a space", get(host + "X-Fold: a\r\n b\r\n")),
        RequestCase(400, "a folded line, by a tab", get(host + "X-Fold: a\r\n\tb\r\n")),
        RequestCase(400, "white space behind the request line", get(" X: y\r\n" + host)),
        RequestCase(400, "a bare LF at the end of a line", get(host + "X: y\nZ: w\r\n")),
        RequestCase(400, "a bare CR in a value", get(host + "X: a\rb\r\n")),
        RequestCase(400, "NUL in a value", get(host + "X: a\0b\r\n")),
        RequestCase(400, "NUL in a name", get(host + "X\0: a\r\n")),
        RequestCase(400, "DEL in a value", get(host + "X: \u{7F}\r\n")),
        RequestCase(400, "an escape character in a value", get(host + "X: \u{1B}[0m\r\n")),
        RequestCase(400, "a bare LF for the empty line", "GET / HTTP/1.1\r\n\(host)\n"),
        RequestCase(400, "a bare CR for the empty line", "GET / HTTP/1.1\r\n\(host)\rX"),
        RequestCase(417, "an expectation that is not known", post("Expect: 200-maybe\r\nContent-Length: 0\r\n")),
        RequestCase(417, "an expectation too many", post("Expect: 100-continue, x\r\nContent-Length: 0\r\n")),
    ]

    /// RFC 9112 section 6.
    private static let bodies = [
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

    /// RFC 9112 section 6.1: who might read the framing otherwise is not let in.
    private static let codings = [
        RequestCase(400, "both framings", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")),
        RequestCase(
            400, "both framings, the other way round", post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n")),
        RequestCase(400, "a coding in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        RequestCase(400, "two codings", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")),
        RequestCase(
            400, "a coding hidden behind another", post("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n")),
        RequestCase(411, "a chunked body", post("Transfer-Encoding: chunked\r\n", "0\r\n\r\n")),
        RequestCase(411, "a chunked body in capitals", post("transfer-encoding: CHUNKED\r\n", "0\r\n\r\n")),
        RequestCase(501, "a coding that is not known", post("Transfer-Encoding: gzip\r\n")),
        RequestCase(501, "a list of codings", post("Transfer-Encoding: gzip, chunked\r\n")),
        RequestCase(501, "chunked with a parameter", post("Transfer-Encoding: chunked;q=1\r\n")),
        RequestCase(501, "almost chunked", post("Transfer-Encoding: xchunked\r\n")),
        RequestCase(501, "an empty coding", post("Transfer-Encoding:\r\n")),
    ]

    private static let connections = [
        RequestCase(nil, "a list of connection options", get(host + "Connection: keep-alive, x-other\r\n")),
        RequestCase(nil, "a list of connection options with nothing in it", get(host + "Connection: , ,\r\n")),
        RequestCase(nil, "an upgrade that is not taken", get(host + "Connection: Upgrade\r\nUpgrade: h2c\r\n")),
    ]

    /// A request whose head has so many bytes.
    private static func head(of bytes: Int) -> String {
        let rest = get(host + "X: \r\n").utf8.count
        return get(host + "X: \(String(repeating: "a", count: bytes - rest))\r\n")
    }

    private static let limits = [
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
        RequestCase(nil, "64 fields", get(host + (1...63).map { "X-\($0): y\r\n" }.joined())),
        RequestCase(431, "65 fields", get(host + (1...64).map { "X-\($0): y\r\n" }.joined())),
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
        RequestCase(414, "a method without an end", String(repeating: "A", count: 17_000)),
    ]
}
