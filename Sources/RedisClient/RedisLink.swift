internal import CHiredis
import EventLoop
import Glibc
import Shared

/// The outcome of a command: the reply, valid only while it is being handled, or why there is none.
package enum RedisAnswer: ~Escapable {
    case reply(RedisValue)
    case failure(RedisError)
}

/// One connection: hiredis' asynchronous context on our loop.
///
/// The commands of one pass of the loop leave together when `flush` is called, in one write, without waiting for epoll
/// to report that the socket is writable.
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

    private enum Phase {
        case connecting
        case connected
        /// The connection could not be made, or is lost: hiredis fails what is unanswered, and frees its context.
        case ending
        /// We have closed it: nobody hears of its end.
        case closed
    }

    /// The server at the other end.
    let address: SocketAddress
    private let loop: EventLoop
    /// nil once hiredis has freed it.
    private var context: UnsafeMutablePointer<redisAsyncContext>?
    private var registration: EventLoop.Registration?
    private var watched: Readiness = []
    private var phase = Phase.connecting
    /// Commands have been handed over since the last `flush`.
    private var writePending = false
    /// We are in `flush`: what hiredis can't write now, it writes when the socket is writable again.
    private var flushing = false
    /// hiredis is calling us, and needs its context when we return.
    private var answering = false
    private var subscription: ((_ channel: String, _ message: String) -> Void)?

    private let connectEnded: (RedisError?) -> Void
    private let disconnected: (RedisError) -> Void

    /// The connection is being torn down: unanswered calls are failing, and nothing more can be handed over.
    var isEnding: Bool { phase == .ending || phase == .closed }
    /// Calls handed over and not answered yet.
    private(set) var unanswered = 0
    /// Looks that have found calls unanswered since Redis last answered.
    private var silentLooks = 0

    /// Starts to connect. `connectEnded` is called with nil, or with the reason for a failure; `disconnected` is called
    /// when the connection ends later, after every unanswered call has been completed with a failure. Neither is called
    /// after `close`.
    init(
        _ address: SocketAddress, loop: EventLoop, connectEnded: @escaping (RedisError?) -> Void,
        disconnected: @escaping (RedisError) -> Void
    ) throws(RedisError) {
        self.address = address
        self.loop = loop
        self.connectEnded = connectEnded
        self.disconnected = disconnected
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
        made.pointee.c.discardUnsentOnClose()
        do {
            registration = try loop.register(made.pointee.c.fd, for: [], self)
        } catch {
            redisAsyncFree(made)
            throw RedisError(.cannotConnect, "connect to \(address)", "\(error)")
        }
        installHooks(on: made)
    }

    /// Gives hiredis our hooks. They hold no reference: the link's owner keeps it until it has ended.
    private func installHooks(on made: UnsafeMutablePointer<redisAsyncContext>) {
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
            if status == REDIS_OK {
                link.phase = .connected
                // hiredis uses its context after this returns, so nothing may be written now: a failure would free it.
                link.answering = true
                defer { link.answering = false }
                return link.connectEnded(nil)
            }
            let error = link.failure(.cannotConnect, "connect", context)
            link.phase = .ending
            // hiredis frees the context after this returns, so we must not.
            link.context = nil
            link.connectEnded(error)
        }
        redisAsyncSetDisconnectCallback(made) { context, _ in
            let link = RedisLink.from(context?.pointee.data)
            if link.phase != .closed { link.disconnected(link.failure(.connectionLost, "connection", context)) }
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

    /// Makes the kernel probe the other end after 15 s of silence, and end the connection after three probes, 5 s
    /// apart, without an answer (net.c, redisKeepAlive).
    func keepAlive() {
        guard let context, !isEnding else { return }
        redisEnableKeepAlive(&context.pointee.c)
    }

    // MARK: Commands

    /// Hands over a command in its RESP form; it leaves at the next `flush`.
    ///
    /// After the last argument hiredis looks for another one, with strchr and without regard for the length (async.c,
    /// nextArgument), so a NUL must follow.
    func send(_ command: inout ByteBuffer, _ operation: StaticString, _ completion: @escaping Completion) {
        guard let context, !isEnding else { preconditionFailure("a command was sent on a link that is ending") }
        unanswered += 1
        let call = Unmanaged.passRetained(Call(operation, completion)).toOpaque()
        command.terminate()
        // We format it: redisAsyncCommandArgv prints every argument's length with snprintf and allocates the text.
        let code = command.withUnsafeBytes {
            redisAsyncFormattedCommand(
                context, { RedisLink.answered($0, $1, $2) }, call,
                $0.baseAddress?.assumingMemoryBound(to: CChar.self), $0.count)
        }
        // Fails only on a context that is disconnecting, and that has been cleaned up already.
        precondition(code == REDIS_OK, "hiredis refused a command")
    }

    private static func answered(
        _ context: UnsafeMutablePointer<redisAsyncContext>?, _ reply: UnsafeMutableRawPointer?,
        _ data: UnsafeMutableRawPointer?
    ) {
        let call = Unmanaged<Call>.fromOpaque(data!).takeRetainedValue()
        let link = from(context?.pointee.data)
        link.unanswered -= 1
        link.silentLooks = 0
        link.answering = true
        defer { link.answering = false }
        guard let reply else {
            if link.phase != .closed { link.phase = .ending }
            return call.completion(.failure(link.failure(.connectionLost, "\(call.operation)", context)))
        }
        let value = RedisValue(reply.assumingMemoryBound(to: redisReply.self))
        if let message = value.errorMessage {
            call.completion(.failure(RedisError(reply: message, to: "\(call.operation)")))
        } else {
            call.completion(.reply(value))
        }
    }

    /// Listens to channels: `heard` is called with each message until the connection ends. Such a link takes no
    /// commands.
    func subscribe(_ channels: [String], _ heard: @escaping (_ channel: String, _ message: String) -> Void) {
        guard let context, !isEnding else { return }
        subscription = heard
        var command = ByteBuffer(capacity: 128)
        command.appendCommand(["SUBSCRIBE"] + channels.map { "\($0)" })
        command.terminate()
        // hiredis calls back for every message, so no `Call` is passed: the first message would consume it.
        let code = command.withUnsafeBytes {
            redisAsyncFormattedCommand(
                context,
                { context, reply, _ in
                    guard let reply else { return }
                    let link = RedisLink.from(context?.pointee.data)
                    // ["message", channel, text]; the confirmation has a number in place of the text.
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

    /// Writes what has been handed over. It does nothing while an answer is being handled: if the write failed, hiredis
    /// would free its context while its caller is still reading answers.
    func flush() {
        guard writePending, phase == .connected, !answering, let context else { return }
        writePending = false
        flushing = true
        redisAsyncHandleWrite(context)
        flushing = false
    }

    /// Counts a look at this link, and returns how many in a row have found calls unanswered and no answer in between.
    ///
    /// Silence is counted in looks, at most one in a pass of the loop, and not measured by a clock: after a standstill
    /// of this process, or of its whole machine, the answers may be here and not read yet.
    func lookForSilence() -> Int {
        if unanswered > 0 { silentLooks += 1 }
        return silentLooks
    }

    /// Ends the connection. Unanswered calls fail as `connectionLost` before this returns, and what Redis has not
    /// received by now it never will.
    func close() {
        guard let context else { return }
        phase = .closed
        redisAsyncFree(context)
    }

    // MARK: The loop's side

    func ready(_ readiness: Readiness) {
        // hiredis learns of errors by reading or writing.
        let connectFailed = readiness.hasHungUp && phase == .connecting
        if readiness.isWritable || connectFailed, let context { redisAsyncHandleWrite(context) }
        if readiness.isReadable || readiness.hasHungUp, let context { redisAsyncHandleRead(context) }
    }

    private func wantWrite() {
        if phase == .connected && !flushing { writePending = true } else { watch(.writable, true) }
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
