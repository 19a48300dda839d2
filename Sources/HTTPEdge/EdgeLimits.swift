/// Bounds on what a client can make the edge hold or wait for.
package struct EdgeLimits: Sendable {
    /// Bytes of a request line; RFC 9112 section 3 asks for at least 8000. Beyond: 414.
    package var requestLineBytes = 8000
    /// Bytes of a whole head, and fields in it: as many as Apache takes. Beyond: 431.
    package var headBytes = 16_384
    package var headerFields = 100
    /// Bytes of a body. `{"quantity":99}` has 15; a kilobyte forgives any white space. Beyond: 413.
    package var bodyBytes = 1024
    /// Bytes of a chunked body that are no body: sizes, extensions, line ends, trailers. A body of the full size in chunks
    /// of one byte has 5 for each, 5,125 in all; what is left is for extensions. Beyond: 431.
    package var chunkFramingBytes = 8192
    /// What is always free to read a chunked body's framing into, however much of its head and body is held.
    private static let roomForFraming = 256
    /// Bytes of a whole message, which is also what is read at once and what a connection holds at most.
    var messageBytes: Int { headBytes + bodyBytes + Self.roomForFraming }
    /// Connections held at once; one more is accepted and closed, so that it doesn't wait in the backlog for nothing.
    ///
    /// Memory: an idle connection is about 0.5 KiB of ours; one that is sending a request, or has sent the next one, holds
    /// up to `messageBytes`, so the worst case of the default is 12,000 × 17.75 KiB = 208 MiB. It is given back when they
    /// have gone.
    package var connections = 12_000
    /// Longer than nginx keeps an idle upstream connection (5 s as delivered, 60 s by default), so that it is never the
    /// server that closes one just as a request is sent on it.
    package var idleMilliseconds = 75_000
    /// From the first byte of a head to its end, and from there to the end of the body.
    package var headMilliseconds = 10_000
    package var bodyMilliseconds = 10_000
    /// For a client to take an answer that the socket's buffer did not.
    package var writeMilliseconds = 10_000
    /// For a client to read a last answer before the connection is closed under it.
    package var lingerMilliseconds = 1000

    package init() {}

    /// Whether a head that grows from `held` to `total` bytes reaches a length at which it is refused unless complete.
    func areReached(from held: Int, to total: Int) -> Bool {
        func passes(_ length: Int) -> Bool { held < length && total >= length }
        return passes(requestLineBytes + 2) || passes(requestLineBytes + 4) || passes(headBytes)
    }
}
