/// Chunked bodies (RFC 9112 section 7.1). Only what is exactly a chunk is accepted, because the next request begins
/// where the last chunk ends.
extension RequestCase {
    static let chunks = chunkSizes + chunkData + chunkExtensions + trailers

    private static let chunkSizes = [
        RequestCase(nil, "a chunked body of nothing", chunked("0\r\n\r\n"), body: ""),
        RequestCase(nil, "one chunk", chunked("5\r\nhello\r\n0\r\n\r\n"), body: "hello"),
        RequestCase(nil, "three chunks", chunked("2\r\nhe\r\n1\r\nl\r\n2\r\nlo\r\n0\r\n\r\n"), body: "hello"),
        RequestCase(
            nil, "chunked in capitals", post("transfer-encoding: CHUNKED\r\n", "1\r\n!\r\n0\r\n\r\n"), body: "!"),
        RequestCase(nil, "a size in lower case", chunked("a\r\n0123456789\r\n0\r\n\r\n"), body: "0123456789"),
        RequestCase(nil, "a size in capitals", chunked("A\r\n0123456789\r\n0\r\n\r\n"), body: "0123456789"),
        RequestCase(nil, "leading zeros in a size", chunked("0005\r\nhello\r\n0\r\n\r\n"), body: "hello"),
        RequestCase(nil, "many zeros for the last chunk", chunked("5\r\nhello\r\n0000000\r\n\r\n"), body: "hello"),
        RequestCase(
            nil, "a size of two digits", chunked("10\r\n0123456789abcdef\r\n0\r\n\r\n"), body: "0123456789abcdef"),
        RequestCase(nil, "a chunked body with GET", get(host + coding) + "2\r\n{}\r\n0\r\n\r\n", body: "{}"),
        RequestCase(
            nil, "a chunked body of the full size", chunked("400\r\n\(bytes(1024))\r\n0\r\n\r\n"), body: bytes(1024)),
        RequestCase(
            nil, "a body of the full size in chunks of one byte",
            chunked(String(repeating: "1\r\nx\r\n", count: 1024) + "0\r\n\r\n"), body: bytes(1024)),
        RequestCase(413, "a chunk beyond the limit", chunked("401\r\n\(bytes(1025))\r\n0\r\n\r\n")),
        RequestCase(413, "chunks beyond the limit together", chunked("400\r\n\(bytes(1024))\r\n1\r\nx\r\n0\r\n\r\n")),
        RequestCase(413, "a size of a terabyte", chunked("10000000000\r\n")),
        RequestCase(413, "a size of 63 bits", chunked("7FFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n")),
        RequestCase(413, "a size of 63 bits behind a zero", chunked("07FFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n")),
        RequestCase(413, "a size beyond the limit with an extension", chunked("401;a=b\r\n")),
        RequestCase(400, "a size beyond the limit that goes wrong", chunked("401x\r\n")),
        RequestCase(400, "a size of 64 bits", chunked("FFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n")),
        RequestCase(400, "a size of digits without an end", chunked(String(repeating: "F", count: 9000))),
        RequestCase(400, "a size of 64 bits and a little", chunked("10000000000000005\r\nhello\r\n0\r\n\r\n")),
        RequestCase(413, "a size of 32 bits and a little", chunked("100000005\r\nhello\r\n0\r\n\r\n")),
        RequestCase(431, "zeros without an end for a size", chunked(String(repeating: "0", count: 9000))),
        RequestCase(400, "an empty size", chunked("\r\nhello\r\n0\r\n\r\n")),
        RequestCase(400, "a size with 0x", chunked("0x5\r\nhello\r\n0\r\n\r\n")),
        RequestCase(400, "a size with a plus", chunked("+5\r\nhello\r\n0\r\n\r\n")),
        RequestCase(400, "a size with a minus", chunked("-5\r\nhello\r\n0\r\n\r\n")),
        RequestCase(400, "a minus before the last size", chunked("5\r\nhello\r\n-0\r\n\r\n")),
        RequestCase(400, "a size with an underscore", chunked("0_5\r\nhello\r\n0\r\n\r\n")),
        RequestCase(400, "a size with a fraction", chunked("5.0\r\nhello\r\n0\r\n\r\n")),
        RequestCase(400, "a size with an h", chunked("5h\r\nhello\r\n0\r\n\r\n")),
        RequestCase(400, "a size with a space before it", chunked(" 5\r\nhello\r\n0\r\n\r\n")),
        RequestCase(400, "a size with a space behind it", chunked("5 \r\nhello\r\n0\r\n\r\n")),
        RequestCase(400, "a size with a tab behind it", chunked("5\t\r\nhello\r\n0\r\n\r\n")),
        RequestCase(400, "a size with a space in it", chunked("0 5\r\nhello\r\n0\r\n\r\n")),
        RequestCase(400, "a size with a comma", chunked("5,\r\nhello\r\n0\r\n\r\n")),
        RequestCase(400, "a size with a NUL", chunked("5\0\r\nhello\r\n0\r\n\r\n")),
        RequestCase(400, "a size in digits that are not ASCII", chunked("５\r\nhello\r\n0\r\n\r\n")),
        RequestCase(400, "a size behind a bare LF", chunked("5\nhello\r\n0\r\n\r\n")),
        RequestCase(400, "a size behind a bare CR", chunked("5\rhello\r\n0\r\n\r\n")),
        RequestCase(400, "a size that ends in CR CR LF", chunked("5\r\r\nhello\r\n0\r\n\r\n")),
        RequestCase(400, "a body that is not chunked", chunked("hello")),
    ]

    private static let chunkData = [
        RequestCase(nil, "a chunk that looks like the end", chunked("5\r\n0\r\n\r\n\r\n0\r\n\r\n"), body: "0\r\n\r\n"),
        RequestCase(nil, "a chunk of line ends", chunked("4\r\n\r\n\r\n\r\n0\r\n\r\n"), body: "\r\n\r\n"),
        RequestCase(nil, "a chunk of NULs", chunked("2\r\n\0\0\r\n0\r\n\r\n"), body: "\0\0"),
        RequestCase(
            nil, "a request in a chunk", chunked("12\r\nGET / HTTP/1.1\r\n\r\n\r\n0\r\n\r\n"),
            body: "GET / HTTP/1.1\r\n\r\n"),
        RequestCase(400, "data longer than its size", chunked("4\r\nhello\r\n0\r\n\r\n")),
        RequestCase(400, "data shorter than its size", chunked("6\r\nhello\r\n0\r\n\r\n")),
        RequestCase(400, "no line end behind the data", chunked("5\r\nhello0\r\n\r\n")),
        RequestCase(400, "a bare LF behind the data", chunked("5\r\nhello\n0\r\n\r\n")),
        RequestCase(400, "a bare CR behind the data", chunked("5\r\nhello\r0\r\n\r\n")),
        RequestCase(400, "two line ends behind the data", chunked("5\r\nhello\r\n\r\n0\r\n\r\n")),
        RequestCase(400, "a line end before the first chunk", chunked("\r\n5\r\nhello\r\n0\r\n\r\n")),
        RequestCase(400, "two bytes of anything behind the data", chunked("5\r\nhelloXX0\r\n\r\n")),
    ]

    /// Ignored, whatever they say (section 7.1.1: a recipient MUST ignore those that it does not know). They are
    /// parsed, not skipped to the end of the line, which two servers may see in different places.
    private static let chunkExtensions = [
        RequestCase(nil, "an extension", chunked("5;a=b\r\nhello\r\n0\r\n\r\n"), body: "hello"),
        RequestCase(nil, "an extension without a value", chunked("5;a\r\nhello\r\n0\r\n\r\n"), body: "hello"),
        RequestCase(nil, "extensions", chunked("5;a;b=c;d=\"e\";f\r\nhello\r\n0\r\n\r\n"), body: "hello"),
        RequestCase(
            nil, "an extension in quotes", chunked("5;a=\"; b \\\" \\\\ c\"\r\nhello\r\n0\r\n\r\n"), body: "hello"),
        RequestCase(nil, "an extension of empty quotes", chunked("5;a=\"\"\r\nhello\r\n0\r\n\r\n"), body: "hello"),
        RequestCase(nil, "an extension of the last chunk", chunked("5\r\nhello\r\n0;last\r\n\r\n"), body: "hello"),
        RequestCase(
            nil, "bad white space around an extension", chunked("5 ; a \t= b ;c\r\nhello\r\n0\r\n\r\n"), body: "hello"),
        RequestCase(400, "a semicolon and no extension", chunked("5;\r\nhello\r\n0\r\n\r\n")),
        RequestCase(400, "two semicolons", chunked("5;;a\r\nhello\r\n0\r\n\r\n")),
        RequestCase(400, "an extension without a name", chunked("5;=b\r\nhello\r\n0\r\n\r\n")),
        RequestCase(400, "an extension whose value is missing", chunked("5;a=\r\nhello\r\n0\r\n\r\n")),
        RequestCase(400, "an extension with two values", chunked("5;a=b=c\r\nhello\r\n0\r\n\r\n")),
        RequestCase(400, "an extension with a space at its end", chunked("5;a=b \r\nhello\r\n0\r\n\r\n")),
        RequestCase(400, "an extension with a name that is no token", chunked("5;a@=b\r\nhello\r\n0\r\n\r\n")),
        RequestCase(400, "an extension in quotes that stay open", chunked("5;a=\"b\r\nhello\r\n0\r\n\r\n")),
        RequestCase(400, "an extension with a bare LF", chunked("5;a\nhello\r\n0\r\n\r\n")),
        RequestCase(400, "an extension with a bare LF in quotes", chunked("5;a=\"\n\"\r\nhello\r\n0\r\n\r\n")),
        RequestCase(400, "an extension with a CR in quotes", chunked("5;a=\"\r\"\r\nhello\r\n0\r\n\r\n")),
        RequestCase(400, "an extension with an escaped line end", chunked("5;a=\"\\\r\n\"\r\nhello\r\n0\r\n\r\n")),
        RequestCase(400, "an extension with a bare CR", chunked("5;a\rX\r\nhello\r\n0\r\n\r\n")),
        RequestCase(400, "an extension with a NUL", chunked("5;a=\0\r\nhello\r\n0\r\n\r\n")),
        RequestCase(400, "something behind an extension in quotes", chunked("5;a=\"b\"c\r\nhello\r\n0\r\n\r\n")),
        RequestCase(431, "an extension without an end", chunked("5;a=\(String(repeating: "b", count: 9000))")),
        RequestCase(
            431, "short extensions that are too much together",
            chunked(String(repeating: "1;abcdefg=hij\r\nx\r\n", count: 600) + "0\r\n\r\n")),
    ]

    /// Parsed as field lines, and dropped (section 7.1.2).
    private static let trailers = [
        RequestCase(nil, "a trailer", chunked("5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"), body: "hello"),
        RequestCase(nil, "trailers", chunked("5\r\nhello\r\n0\r\nA: b\r\nC:\r\n\r\n"), body: "hello"),
        RequestCase(
            nil, "trailers that look like framing", chunked("0\r\nContent-Length: 9\r\nHost: x\r\n\r\n"), body: ""),
        RequestCase(400, "a trailer without a colon", chunked("0\r\nX\r\n\r\n")),
        RequestCase(400, "a trailer without a name", chunked("0\r\n: x\r\n\r\n")),
        RequestCase(400, "a trailer with a space before its colon", chunked("0\r\nX : y\r\n\r\n")),
        RequestCase(400, "a folded trailer", chunked("0\r\nX: a\r\n b\r\n\r\n")),
        RequestCase(400, "a trailer with a bare LF", chunked("0\r\nX: a\nY: b\r\n\r\n")),
        RequestCase(400, "a trailer with a bare CR", chunked("0\r\nX: a\rb\r\n\r\n")),
        RequestCase(400, "a trailer with a NUL", chunked("0\r\nX: \0\r\n\r\n")),
        RequestCase(400, "a bare LF for the end", chunked("5\r\nhello\r\n0\r\n\n")),
        RequestCase(400, "a bare LF behind the last size", chunked("5\r\nhello\r\n0\n\r\n")),
        RequestCase(400, "a request where the trailers should be", chunked("0\r\nGET /hidden HTTP/1.1\r\n\r\n")),
        RequestCase(431, "a trailer without an end", chunked("0\r\nX: \(String(repeating: "y", count: 9000))")),
        RequestCase(431, "trailers without an end", chunked("0\r\n\(String(repeating: "X: y\r\n", count: 2000))\r\n")),
    ]

    private static let coding = "Transfer-Encoding: chunked\r\n"

    private static func chunked(_ body: String) -> String { post(coding, body) }

    private static func bytes(_ count: Int) -> String { String(repeating: "x", count: count) }
}

/// Messages that are cut off: nothing is wrong with them so far, and they are never answered (RFC 9112 section 8).
extension RequestCase {
    static let unfinished = [
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhell", post(coding), post(coding, "5"),
        post(coding, "5\r"), post(coding, "5\r\n"), post(coding, "5\r\nhello"), post(coding, "5\r\nhello\r\n"),
        post(coding, "5\r\nhello\r\n0\r\n"), post(coding, "5\r\nhello\r\n0\r\n\r"), post(coding, "0\r\nX: y\r\n"),
        "GET / HTTP/1.1\r\nHost: h\r\n", "GET / HTTP/1.1\r\nHost: h\r\n\r", "\r", "G", "",
    ]
}
