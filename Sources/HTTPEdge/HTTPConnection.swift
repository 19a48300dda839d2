import EventLoop
import Shared

/// One client's connection: a state, and the few bytes that wait.
///
/// One request is with the handler at a time; what a client pipelines behind it waits, unread or in `input`, until it is
/// answered and everybody else has had a turn. So answers are in order by construction, and a client can't queue more than
/// one piece of work.
final class HTTPConnection: EventHandler {
    enum State {
        /// Between requests, or in the middle of receiving one.
        case receiving
        /// A handler has the request.
        case handling
        /// The answer is composed, and leaves at the end of the pass.
        case answered
        /// An answer is going out that the socket did not take whole.
        case sending
        /// Answered; what it has sent behind the request has its turn as soon as nobody else's bytes are being looked at.
        case resuming
        /// The last answer is out; what still comes in is thrown away, so that closing doesn't reset it (RFC 9112 9.6).
        case lingering
        case closed
    }

    /// A request that has arrived in part.
    struct Arriving {
        /// Bytes of the whole message, once its head is understood and its length known; until `input` has as many, looking
        /// again can't help. 0 before that.
        var messageBytes = 0
        /// The decoder of a chunked body; `input` then holds the head and what has been decoded.
        var chunks: ChunkedBody?
        /// Whether a 100 (Continue) has been sent.
        var isContinued = false
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

    /// Bytes received and not yet understood as a request; what this pass has received may still be in the inbox.
    var input = ByteBuffer(capacity: 0)
    var arriving = Arriving()
    var current = Current()
    /// Bytes of an answer that the socket has not taken.
    var output = ByteBuffer(capacity: 0)
    /// Bytes that were thrown away while lingering.
    var discardedBytes = 0
    /// The client has finished sending; it may still be reading.
    var inputEnded = false

    /// Whether no request is under way, nor a part of one, once the inbox is empty.
    var isIdle: Bool { state == .receiving && input.isEmpty }

    /// Keeps bytes that can't be understood yet, in no more memory than the longest message takes.
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
