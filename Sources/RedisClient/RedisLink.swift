internal import CHiredis
import EventLoop
import Glibc
import Shared

/// What became of a command: the reply, valid only while it is being handled, or why there is none.
package enum RedisAnswer: ~Escapable {
    case reply(RedisValue)
    case failure(RedisError)
}

/// One connection's life: hiredis' asynchronous context, hung on our loop.
///
/// Commands that a pass of the loop produces leave together when `flush` is called, by one write, without waiting for
/// epoll to say that the socket is writable.
final class RedisLink: EventHandler {
    typealias Completion = (borrowing RedisAnswer) -> Void

    private final class Call {
        let operation: StaticString
        let completion: Completion

        init(_ operation: StaticString, _ completion: @escaping Completion) {
            self.operation = operation
            self.completion = completion
        }
    }

    /// The server at the other end.
    let address: SocketAddress
    private let loop: EventLoop
    /// nil once hiredis has freed it.
    private var context: UnsafeMutablePointer<redisAsyncContext>?
    private var registration: EventLoop.Registration?
    private var watched: Readiness = []
    private var connected = false
    private var writePending = false
    private var flushing = false
    /// hiredis is handing us an answer, and needs its context when that returns.
    private var answering = false
    private var closing = false
    private var subscription: ((_ channel: String, _ message: String) -> Void)?

    private let connectEnded: (RedisError?) -> Void
    private let disconnected: (RedisError) -> Void

    /// The connection is being torn down: what is unanswered is failing, and nothing more can be handed over.
    private(set) var isEnding = false
    /// Calls handed over and not answered yet.
    private(set) var unanswered = 0
    /// When Redis last answered, or the first of the unanswered calls was handed over.
    private(set) var lastProgress: Instant

    /// Starts to connect. `connectEnded` is told how that went; `disconnected` is told of a later end, after every
    /// unanswered call has been completed with a failure. Neither is called after `close`.
    init(
        _ address: SocketAddress, loop: EventLoop, connectEnded: @escaping (RedisError?) -> Void,
        disconnected: @escaping (RedisError) -> Void
    ) throws(RedisError) {
        self.address = address
        self.loop = loop
        self.connectEnded = connectEnded
        self.disconnected = disconnected
        lastProgress = loop.now
        let made: UnsafeMutablePointer<redisAsyncContext>?
        switch address {
        case .tcp(let host, let port): made = redisAsyncConnect(host, Int32(port))
        case .unix(let path): made = redisAsyncConnectUnix(path)
        }
        guard let made else { preconditionFailure("hiredis: out of memory") }
        guard made.pointee.err == 0 else {
            let error = RedisError(.cannotConnect, "connect to \(address)", String(cString: made.pointee.errstr))
            redisAsyncFree(made)
            throw error
        }
        context = made
        do {
            registration = try loop.register(made.pointee.c.fd, for: [], self)
        } catch {
            redisAsyncFree(made)
            throw RedisError(.cannotConnect, "connect to \(address)", "\(error)")
        }
        hang(made)
    }

    /// Hands hiredis our hooks. It holds no reference: whoever owns the link keeps it until it has ended.
    private func hang(_ made: UnsafeMutablePointer<redisAsyncContext>) {
        let own = Unmanaged.passUnretained(self).toOpaque()
        made.pointee.data = own
        made.pointee.ev.data = own
        made.pointee.ev.addRead = { RedisLink.from($0).watch(.readable, true) }
        made.pointee.ev.delRead = { RedisLink.from($0).watch(.readable, false) }
        made.pointee.ev.addWrite = { RedisLink.from($0).wantWrite() }
        made.pointee.ev.delWrite = { RedisLink.from($0).watch(.writable, false) }
        made.pointee.ev.cleanup = { RedisLink.from($0).cleanup() }
        redisAsyncSetConnectCallback(made) { context, status in
            let link = RedisLink.from(context?.pointee.data)
            link.connected = status == REDIS_OK
            if link.connected {
                // hiredis goes on with its context when this returns: nothing may be written, and fail, meanwhile.
                link.answering = true
                defer { link.answering = false }
                return link.connectEnded(nil)
            }
            let error = link.failure(.cannotConnect, "connect", context)
            // hiredis frees the context when this returns, and must find it then.
            link.isEnding = true
            link.context = nil
            link.connectEnded(error)
        }
        redisAsyncSetDisconnectCallback(made) { context, _ in
            let link = RedisLink.from(context?.pointee.data)
            if !link.closing { link.disconnected(link.failure(.connectionLost, "connection", context)) }
        }
    }

    private static func from(_ pointer: UnsafeMutableRawPointer?) -> RedisLink {
        Unmanaged<RedisLink>.fromOpaque(pointer!).takeUnretainedValue()
    }

    private func failure(
        _ code: RedisError.Code, _ operation: String, _ context: UnsafePointer<redisAsyncContext>?
    ) -> RedisError {
        let text = context?.pointee.errstr.map { String(cString: $0) } ?? ""
        return RedisError(code, operation, text.isEmpty ? "the connection was closed" : text)
    }

    /// Has the kernel ask after 15 s of silence whether the other end is still there, and end the connection when three
    /// questions, 5 s apart, have no answer (net.c, redisKeepAlive).
    func keepAlive() {
        guard let context, !isEnding else { return }
        redisEnableKeepAlive(&context.pointee.c)
    }

    // MARK: Commands

    /// Hands over a command in its RESP form; it leaves at the next `flush`.
    ///
    /// hiredis looks for a further argument behind the last one, with strchr and no regard for the length (async.c,
    /// nextArgument), so a NUL has to stand there.
    func send(_ command: inout ByteBuffer, _ operation: StaticString, _ completion: @escaping Completion) {
        guard let context, !isEnding else { preconditionFailure("a command was sent on a link that is ending") }
        if unanswered == 0 { lastProgress = loop.now }
        unanswered += 1
        let call = Unmanaged.passRetained(Call(operation, completion)).toOpaque()
        command.terminate()
        // Formatted by us: redisAsyncCommandArgv prints every argument's length with snprintf and allocates the text.
        let code = command.withUnsafeBytes {
            redisAsyncFormattedCommand(
                context, { RedisLink.answered($0, $1, $2) }, call,
                $0.baseAddress?.assumingMemoryBound(to: CChar.self), $0.count)
        }
        // Fails only on a context that is disconnecting, and then it has been cleaned up already.
        precondition(code == REDIS_OK, "hiredis refused a command")
    }

    private static func answered(
        _ context: UnsafeMutablePointer<redisAsyncContext>?, _ reply: UnsafeMutableRawPointer?,
        _ data: UnsafeMutableRawPointer?
    ) {
        let call = Unmanaged<Call>.fromOpaque(data!).takeRetainedValue()
        let link = from(context?.pointee.data)
        link.unanswered -= 1
        link.lastProgress = link.loop.now
        link.answering = true
        defer { link.answering = false }
        guard let reply else {
            link.isEnding = true
            return call.completion(.failure(link.failure(.connectionLost, "\(call.operation)", context)))
        }
        let value = RedisValue(reply.assumingMemoryBound(to: redisReply.self))
        if let message = value.errorMessage {
            call.completion(.failure(RedisError(reply: message, to: "\(call.operation)")))
        } else {
            call.completion(.reply(value))
        }
    }

    /// Listens to channels: `heard` is told of each message until the connection ends. Such a link takes no commands.
    func subscribe(_ channels: [String], _ heard: @escaping (_ channel: String, _ message: String) -> Void) {
        guard let context, !isEnding else { return }
        subscription = heard
        var command = ByteBuffer(capacity: 128)
        command.appendCommand(["SUBSCRIBE"] + channels.map { RedisArgument($0) })
        command.terminate()
        // hiredis calls back for every message, so what it is given is not consumed by the first, as a call is.
        let code = command.withUnsafeBytes {
            redisAsyncFormattedCommand(
                context,
                { context, reply, _ in
                    guard let reply else { return }
                    let link = RedisLink.from(context?.pointee.data)
                    // ["message", channel, text]; the confirmation has a number in the text's place.
                    let value = RedisValue(reply.assumingMemoryBound(to: redisReply.self))
                    if value.count == 3, value[0].string == "message", let channel = value[1].string,
                        let text = value[2].string
                    {
                        link.subscription?(channel, text)
                    }
                }, nil, $0.baseAddress?.assumingMemoryBound(to: CChar.self), $0.count)
        }
        precondition(code == REDIS_OK, "hiredis refused a subscription")
    }

    /// Writes what has been handed over. While an answer is being handled it does nothing: a write that fails makes
    /// hiredis free its context at once, under the caller that is still reading answers.
    func flush() {
        guard writePending, connected, !answering, let context else { return }
        writePending = false
        flushing = true
        redisAsyncHandleWrite(context)
        flushing = false
    }

    /// Ends the connection; calls still unanswered fail as `connectionLost` before this returns, and what Redis has not received by
    /// now it never will.
    func close() {
        guard let context else { return }
        closing = true
        isEnding = true
        if unanswered > 0 { dropUnsent(context.pointee.c.fd) }
        redisAsyncFree(context)
    }

    /// Has the kernel forget what it holds of this connection, and not send it until it arrives (SO_LINGER of 0, tcp(7)): a batch
    /// is sent again elsewhere, and its first copy must not come minutes later and win what its buyers were refused.
    private func dropUnsent(_ descriptor: Int32) {
        var now = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &now, socklen_t(MemoryLayout<linger>.size))
    }

    // MARK: The loop's side

    func ready(_ readiness: Readiness) {
        // hiredis learns of errors by reading or writing.
        if readiness.isWritable || (readiness.hasHungUp && !connected), let context { redisAsyncHandleWrite(context) }
        if readiness.isReadable || readiness.hasHungUp, let context { redisAsyncHandleRead(context) }
    }

    private func wantWrite() {
        if connected && !flushing { writePending = true } else { watch(.writable, true) }
    }

    private func watch(_ readiness: Readiness, _ wanted: Bool) {
        let interest = wanted ? watched.union(readiness) : watched.subtracting(readiness)
        guard interest != watched, let registration else { return }
        watched = interest
        loop.update(registration, for: interest)
    }

    /// hiredis is about to close the descriptor and free the context.
    private func cleanup() {
        if let registration { loop.deregister(registration) }
        registration = nil
        context = nil
    }
}
