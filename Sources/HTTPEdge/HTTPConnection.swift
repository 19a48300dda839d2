import EventLoop
import Shared

/// One client's connection: a state, and the few bytes that are waiting.
///
/// The handler has one request of a connection at a time. What the client pipelines after it waits, unread or in
/// `input`, until that request is answered and the other connections have been served. So answers are in order by
/// construction, and a client can't queue more than one piece of work.
final class HTTPConnection: EventHandler {
    enum State {
        /// Between requests, or receiving one.
        case receiving
        /// A handler has the request.
        case handling
        /// The answer is composed, and is sent at the end of the pass.
        case answered
        /// The socket did not take the whole answer; the rest is being sent.
        case sending
        /// Answered; what the client pipelined is handled as soon as no other connection's bytes are being parsed.
        case resuming
        /// The last answer has been sent; what still comes in is discarded, so that closing doesn't reset the
        /// connection (RFC 9112 section 9.6).
        case lingering
        case closed
    }

    /// A request of which only a part has arrived.
    struct Arriving {
        /// Bytes of the whole message, once its head has been parsed: there is nothing to do until that many have
        /// arrived. 0 before that.
        var messageBytes = 0
        /// The decoder of a chunked body; `input` then holds the head and what has been decoded.
        var chunks: ChunkedBody?
    }

    /// The request that is being handled: what its answer depends on.
    struct Current {
        var isHead = false
        var isHTTP10 = false
        var keepAlive = true
    }

    let descriptor: Int32
    let isTCP: Bool
    let slot: UInt32
    unowned let server: HTTPServer

    var state = State.receiving
    var registration: EventLoop.Registration?
    var interest: Readiness = .readable
    /// When the sweep closes the connection; nil while a handler has the request.
    var deadline: Instant?

    /// Bytes received and not yet handled as a request. What this pass has received may still be in the inbox.
    var input = ByteBuffer(capacity: 0)
    var arriving = Arriving()
    var current = Current()
    /// Bytes of an answer that the socket has not taken yet.
    var output = ByteBuffer(capacity: 0)
    /// Bytes discarded while lingering.
    var discardedBytes = 0
    /// The client has finished sending; it may still be reading.
    var inputEnded = false

    /// Whether no request is under way, nor part of one. Only meaningful while the inbox is empty.
    var isIdle: Bool { state == .receiving && input.isEmpty }

    /// Keeps bytes that can't be handled yet, in no more memory than the longest message takes.
    func keep(_ bytes: UnsafeRawBufferPointer) {
        input.reserve(bytes.count, atMost: server.limits.messageBytes)
        input.append(bytes)
    }

    init(_ descriptor: Int32, isTCP: Bool, slot: UInt32, server: HTTPServer) {
        self.descriptor = descriptor
        self.isTCP = isTCP
        self.slot = slot
        self.server = server
    }

    func ready(_ readiness: Readiness) { server.ready(self, readiness) }
}
