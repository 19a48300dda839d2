/// What a request says about its connection (RFC 9110 section 7.6.1, RFC 9112 section 9).
extension RequestCase {
    static let connections = [
        RequestCase(nil, "a list of connection options", get(host + "Connection: keep-alive, x-other\r\n")),
        RequestCase(nil, "a list of connection options with nothing in it", get(host + "Connection: , ,\r\n")),
        RequestCase(nil, "an upgrade that is not taken", get(host + "Connection: Upgrade\r\nUpgrade: h2c\r\n")),
        RequestCase(nil, "options that no server knows", get(host + "Connection: x-1, x-2\r\n")),
        RequestCase(nil, "the fields that only proxies use", get(host + "TE: trailers\r\nProxy-Connection: close\r\n")),
        RequestCase(nil, "a Trailer field without trailers", get(host + "Trailer: X-Sum\r\n")),
        RequestCase(nil, "an empty Connection field", get(host + "Connection:\r\n")),
        RequestCase(nil, "an expectation without a body to send", get(host + "Expect: 100-continue\r\n")),
        RequestCase(nil, "an expectation in other capitals", get(host + "expect: 100-Continue\r\n")),
    ]
}
