/// Transfer codings (RFC 9112 section 6.1): framing that another server might read differently is refused.
extension RequestCase {
    static let codings = [
        RequestCase(400, "both framings", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")),
        RequestCase(
            400, "both framings, the other way round", post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n")),
        RequestCase(400, "a coding in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        RequestCase(400, "two codings", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")),
        RequestCase(
            400, "a coding hidden behind another", post("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n")),
        RequestCase(400, "a coding that is not known, and no chunked (6.3)", post("Transfer-Encoding: gzip\r\n")),
        RequestCase(501, "a list of codings", post("Transfer-Encoding: gzip, chunked\r\n")),
        RequestCase(400, "chunked with a parameter", post("Transfer-Encoding: chunked;q=1\r\n")),
        RequestCase(400, "almost chunked", post("Transfer-Encoding: xchunked\r\n")),
        RequestCase(501, "a list of codings without white space", post("Transfer-Encoding: gzip,chunked\r\n")),
        RequestCase(400, "chunked, and then another coding (6.3)", post("Transfer-Encoding: chunked, gzip\r\n")),
        RequestCase(
            400, "chunked between other codings", post("Transfer-Encoding: gzip, chunked, br\r\n", "0\r\n\r\n")),
        RequestCase(400, "codings with nothing between their commas", post("Transfer-Encoding: gzip,,chunked\r\n")),
        RequestCase(400, "codings with a space for a comma", post("Transfer-Encoding: gzip chunked\r\n")),
        RequestCase(
            nil, "a coding in other capitals", post("TRANSFER-ENCODING: \tChUnKeD \r\n", "0\r\n\r\n"), body: ""),
        RequestCase(400, "an empty coding", post("Transfer-Encoding:\r\n")),
    ]
}
