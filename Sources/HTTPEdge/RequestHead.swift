/// The methods that are known; another one is 501, one of these in the wrong place 405.
package enum Method: Sendable {
    case get, head, post, put, delete, patch, options
}

/// A header field's place in the message.
package struct HeaderField {
    package let name: Range<Int>
    package let value: Range<Int>
}

/// A request's head, understood: where its parts stand in the bytes, and what its framing says.
struct RequestHead {
    var method = Method.get
    /// The path of the request target, without query.
    var path = 0..<0
    /// What follows the `?`.
    var query = 0..<0
    /// Bytes of the head, its last CRLF included.
    var bytes = 0
    /// Bytes of the body; of a chunked one, once it has been taken apart.
    var contentLength = 0
    var isChunked = false
    /// Whether the client wants the connection to go on after the answer.
    var keepAlive = true
    /// Whether it is HTTP/1.0, which knows no 100 (Continue) and wants to be told of a connection that goes on.
    var isHTTP10 = false
    var expectsContinue = false

    /// Bytes of the whole message.
    var messageBytes: Int { bytes + contentLength }
}
