/// Messages that hide a request from one of two servers in a row: each makes them disagree about where the message ends
/// or which host it is for. So each is refused, and the connection is closed with whatever follows.
///
/// The tests append another request to each of them.
extension RequestCase {
    static let smuggling = framingsInDisguise + linesThatEndElsewhere + targetsInDisguise + requestsInBodies

    /// A Transfer-Encoding or a Content-Length that one server sees and another doesn't (RFC 9112 section 11.2).
    private static let framingsInDisguise = [
        RequestCase(
            400, "a coding with a space before its colon", post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n")),
        RequestCase(400, "a coding with a tab before its colon", post("Transfer-Encoding\t: chunked\r\n", "0\r\n\r\n")),
        RequestCase(400, "a coding in a folded line", post("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n")),
        RequestCase(400, "a coding behind a folded line", post("X: a\r\n Transfer-Encoding: chunked\r\n", "0\r\n\r\n")),
        RequestCase(400, "a coding behind a space", post(" Transfer-Encoding: chunked\r\n", "0\r\n\r\n")),
        RequestCase(400, "a coding behind a bare LF", post("X: a\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")),
        RequestCase(400, "a coding behind a bare CR", post("X: a\rTransfer-Encoding: chunked\r\n", "0\r\n\r\n")),
        RequestCase(400, "a coding with a vertical tab", post("Transfer-Encoding: \u{0B}chunked\r\n", "0\r\n\r\n")),
        RequestCase(400, "a coding with a form feed", post("Transfer-Encoding: chunked\u{0C}\r\n", "0\r\n\r\n")),
        RequestCase(400, "a coding with a NUL", post("Transfer-Encoding: chunked\0\r\n", "0\r\n\r\n")),
        RequestCase(400, "a coding whose name has a NUL", post("Transfer-Encoding\0: chunked\r\n", "0\r\n\r\n")),
        RequestCase(400, "a coding whose name has a byte above ASCII", post("Transfer-Encodin\u{E9}: chunked\r\n")),
        RequestCase(400, "a coding behind a comma", post("Transfer-Encoding: , chunked\r\n", "0\r\n\r\n")),
        RequestCase(400, "a coding before a comma", post("Transfer-Encoding: chunked,\r\n", "0\r\n\r\n")),
        RequestCase(400, "the same coding twice in a list", post("Transfer-Encoding: chunked, chunked\r\n")),
        RequestCase(400, "chunked, and then identity", post("Transfer-Encoding: chunked, identity\r\n")),
        RequestCase(400, "identity", post("Transfer-Encoding: identity\r\n")),
        RequestCase(400, "a coding in quotes", post("Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n")),
        RequestCase(400, "a coding with a byte above ASCII", post("Transfer-Encoding: \u{E9}chunked\r\n", "0\r\n\r\n")),
        RequestCase(
            400, "a coding and a length of nothing", post("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n")),
        RequestCase(
            400, "an unknown coding and a length", post("Transfer-Encoding: x\r\nContent-Length: 5\r\n", "hello")),
        RequestCase(400, "an empty coding and a length", post("Transfer-Encoding:\r\nContent-Length: 5\r\n", "hello")),
        RequestCase(
            400, "a coding between two lengths", post(length(5) + "Transfer-Encoding: chunked\r\n" + length(5))),
        RequestCase(400, "a length with a space before its colon", post("Content-Length : 5\r\n", "hello")),
        RequestCase(400, "a length in a folded line", post("Content-Length:\r\n 5\r\n", "hello")),
        RequestCase(400, "a length behind a bare CR", post("X: a\rContent-Length: 5\r\n", "hello")),
        RequestCase(400, "a length with a NUL", post("Content-Length: 5\0\r\n", "hello")),
        RequestCase(400, "a length with a comma", post("Content-Length: 5,\r\n", "hello")),
        RequestCase(400, "a length in digits that are not ASCII", post("Content-Length: ５\r\n", "hello")),
        RequestCase(400, "three lengths", post(length(5) + length(5) + length(5), "hello")),
        RequestCase(400, "two lengths in capitals of their own", post(length(5) + "CONTENT-LENGTH: 0\r\n", "hello")),
        RequestCase(400, "two lengths, one of them empty", post(length(5) + "Content-Length:\r\n", "hello")),
        RequestCase(400, "a coding in HTTP/1.0 that keeps the connection", keptAlive("Transfer-Encoding: chunked\r\n")),
        RequestCase(400, "two lengths in HTTP/1.0", keptAlive(length(0) + length(5))),
    ]

    /// A request that begins where only one of two servers sees a line end (RFC 9112 section 2.2).
    private static let linesThatEndElsewhere = [
        RequestCase(400, "a head that ends in two bare LFs", "GET / HTTP/1.1\r\n\(host)X: y\n\n"),
        RequestCase(400, "a head that ends in LF CR LF", "GET / HTTP/1.1\r\n\(host)X: y\n\r\n"),
        RequestCase(400, "a head that ends in two bare CRs", "GET / HTTP/1.1\r\n\(host)X: y\r\r"),
        RequestCase(400, "a field that ends in CR CR LF", "GET / HTTP/1.1\r\n\(host)X: y\r\r\n\r\n"),
        RequestCase(400, "a request line that ends in CR CR LF", "GET / HTTP/1.1\r\r\n\(host)\r\n"),
        RequestCase(400, "only LFs", "GET / HTTP/1.1\nHost: shop.example\n\n"),
        RequestCase(400, "only CRs", "GET / HTTP/1.1\rHost: shop.example\r\r"),
        RequestCase(400, "NEL for a line's end", "GET / HTTP/1.1\u{85}\(host)\r\n"),
        RequestCase(400, "a request in a field's value", get(host + "X: y\r\rGET /hidden HTTP/1.1\r\n")),
        RequestCase(400, "a request in a field's name", get(host + "GET /hidden HTTP/1.1\r\n")),
        RequestCase(400, "HTTP/0.9", "GET /\r\n"),
        RequestCase(400, "HTTP/0.9 with a bare LF", "GET /\n"),
    ]

    /// A request that two servers would take to be for different hosts or paths (RFC 9112 sections 3.2 and 3.3).
    private static let targetsInDisguise = [
        RequestCase(400, "absolute-form with another host in front of an at sign", absolute("http://x@shop.example/")),
        RequestCase(400, "absolute-form with a backslash", absolute("http:\\\\shop.example/")),
        RequestCase(400, "absolute-form with one slash", absolute("http:/shop.example/")),
        RequestCase(400, "absolute-form with a comma in its host", absolute("http://shop.example,other.example/")),
        RequestCase(400, "authority-form for GET", absolute("shop.example:80")),
        RequestCase(400, "a second host behind a space", get("Host: shop.example\r\n Host: other.example\r\n")),
        RequestCase(400, "a second host behind a bare CR", get("Host: shop.example\rHost: other.example\r\n")),
        RequestCase(400, "a second host with a space before its colon", get(host + "Host : other.example\r\n")),
        RequestCase(400, "a second host, empty", get(host + "Host:\r\n")),
        RequestCase(400, "a host with a NUL", get("Host: shop.example\0.other.example\r\n")),
        RequestCase(400, "a host with a tab in it", get("Host: shop.example\tother.example\r\n")),
        RequestCase(400, "a target with a CR", "GET /a\rb HTTP/1.1\r\n\(host)\r\n"),
        RequestCase(400, "a target with a tab", "GET /a\tb HTTP/1.1\r\n\(host)\r\n"),
        RequestCase(400, "a request line in a request line", "GET / HTTP/1.1 /hidden HTTP/1.1\r\n\(host)\r\n"),
    ]

    /// A request that is the body of another, and so only bytes.
    private static let requestsInBodies = [
        RequestCase(nil, "a request in a POST's body", post(length(inner.utf8.count), inner), body: inner),
        RequestCase(
            nil, "a request in a GET's body", get(host + length(inner.utf8.count)) + inner, body: inner),
        RequestCase(
            nil, "a request in an upgrade's body",
            get(host + "Connection: Upgrade\r\nUpgrade: h2c\r\n" + length(inner.utf8.count)) + inner, body: inner),
    ]

    private static let inner = "GET /inner HTTP/1.1\r\nHost: shop.example\r\n\r\n"

    static func length(_ bytes: Int) -> String { "Content-Length: \(bytes)\r\n" }

    private static func keptAlive(_ fields: String) -> String {
        "POST / HTTP/1.0\r\n\(host)Connection: keep-alive\r\n\(fields)\r\n0\r\n\r\n"
    }

    private static func absolute(_ target: String) -> String { "GET \(target) HTTP/1.1\r\n\(host)\r\n" }
}
