/// Bounds on how much memory and time a client can take.
package struct EdgeLimits: Sendable {
    /// Bytes of a request line; RFC 9112 section 3 asks for at least 8000. Above: 414.
    package var requestLineBytes = 8000
    /// Bytes of a whole head, and fields in it: as many as Apache accepts. Above: 431.
    package var headBytes = 16_384
    package var headerFields = 100
    /// Bytes of a body. `{"quantity":99}` has 15; a kilobyte leaves room for any white space. Above: 413.
    package var bodyBytes = 1024
    /// Bytes of chunked framing: sizes, extensions, line ends, trailers. A body of the full size in chunks of one byte
    /// has 5 for each, 5,125 in all; the rest is for extensions. Above: 431.
    package var chunkFramingBytes = 8192
    /// Room that is always left to read chunked framing into, however much of the head and body is held.
    private static let roomForFraming = 256
    /// Bytes of a whole message: also the most that is read at once, and the most that a connection holds.
    var messageBytes: Int { headBytes + bodyBytes + Self.roomForFraming }
    /// Connections held at once. One more is accepted and closed, so that its client doesn't wait in the backlog for
    /// nothing.
    ///
    /// Memory: an idle connection takes about 0.5 KiB of ours. One that is sending a request, or has pipelined the next
    /// one, takes up to `messageBytes`, so the worst case of the default is 12,000 × 17.75 KiB = 208 MiB. That memory
    /// is given back when the connections have gone.
    package var connections = 12_000
    /// Longer than nginx keeps an idle upstream connection (5 s as delivered, 60 s by default), so that the server
    /// never closes one just as nginx sends a request on it.
    package var idleMilliseconds = 75_000
    /// From the first byte of a head to its end, and from there to the end of the body.
    package var headMilliseconds = 10_000
    package var bodyMilliseconds = 10_000
    /// How long a client may take to read an answer that the socket's buffer did not take whole.
    package var writeMilliseconds = 10_000
    /// How long a client has to read its last answer before the connection is closed.
    package var lingerMilliseconds = 1000

    package init() {}

    /// Whether a head that grows from `held` to `total` bytes reaches a length at which it is refused if still
    /// incomplete.
    func areReached(from held: Int, to total: Int) -> Bool {
        func passes(_ length: Int) -> Bool { held < length && total >= length }
        return passes(requestLineBytes + 2) || passes(requestLineBytes + 4) || passes(headBytes)
    }
}
