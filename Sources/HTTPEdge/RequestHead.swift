/// The known methods. Any other is answered 501; one of these on a path that doesn't have it, 405.
package enum Method: Sendable {
    case get, head, post, put, delete, patch, options
}

/// Where a header field is in the message.
package struct HeaderField {
    package let name: Range<Int>
    package let value: Range<Int>
}

/// A parsed request head: where its parts are in the bytes, and what its framing says.
struct RequestHead {
    var method = Method.get
    /// The path of the request target, without query.
    var path = 0..<0
    /// What follows the `?`.
    var query = 0..<0
    /// Bytes of the head, including its last CRLF.
    var bytes = 0
    /// Bytes of the body; of a chunked one, set once it has been decoded.
    var contentLength = 0
    var isChunked = false
    /// Whether the client wants the connection to stay open after the answer.
    var keepAlive = true
    /// Whether it is HTTP/1.0, which has no 100 (Continue), and needs `Connection: keep-alive` in the answer.
    var isHTTP10 = false
    var expectsContinue = false

    /// Bytes of the whole message.
    var messageBytes: Int { bytes + contentLength }
}
