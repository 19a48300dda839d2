package import EventLoop
package import Shared

/// The API's connection to Redis: made, checked, watched, and made again when it is lost.
///
/// Commands can be sent only while it is `ready`: nothing is queued for a Redis that isn't there, so a request that
/// arrives meanwhile is refused at once instead of hanging.
package final class AsyncRedis {
    package typealias Completion = (borrowing RedisAnswer) -> Void

    package enum Status: Equatable {
        case ready(ServerFacts)
        /// Why not, as a phrase for logs and /readyz.
        case down(String)
    }

    /// Milliseconds for a connection and its handshake.
    private static let connectMilliseconds = 1000
    /// Milliseconds without any answer after which a connection counts as lost. Well below the 2.5 s in which a
    /// purchase is answered, so that its batch can be sent again on a new connection.
    private static let silenceMilliseconds = 1000
    private static let watchdogMilliseconds = 100

    private let endpoint: RedisEndpoint
    private let loop: EventLoop
    private let name: String
    private let refusal: (ServerFacts) -> String?
    private let changed: (Status) -> Void

    private var link: RedisLink?
    private var backoff = Backoff()
    private var random = SystemRandomNumberGenerator()
    private var retry: TimerID?
    private var handshakeTimeout: TimerID?
    private var command = ByteBuffer(capacity: 65_536)
    package private(set) var status = Status.down("not connected yet")
    /// Connections that were lost after they had been ready.
    package private(set) var losses = 0

    /// - Parameters:
    ///   - refusal: judges a server by what it says of itself; a phrase where it must not be used.
    ///   - changed: is told of every change of `status`.
    package init(
        _ endpoint: RedisEndpoint, loop: EventLoop, name: String, refusal: @escaping (ServerFacts) -> String?,
        changed: @escaping (Status) -> Void
    ) {
        self.endpoint = endpoint
        self.loop = loop
        self.name = name
        self.refusal = refusal
        self.changed = changed
        loop.atEndOfPass { [weak self] in self?.flush() }
        watch()
    }

    /// Whether a command can be sent now.
    package var isReady: Bool {
        guard case .ready = status, let link else { return false }
        return !link.isEnding
    }

    /// The server's run_id; nil where there is none.
    package var runID: String? { if case .ready(let facts) = status { facts.runID } else { nil } }

    // MARK: Commands

    /// Sends a script call: by its SHA, and by its text where Redis doesn't know it. `isReady` must hold.
    package func run(_ call: ScriptCall, _ completion: @escaping Completion) {
        run(call, asText: false, completion)
    }

    private func run(_ call: ScriptCall, asText: Bool, _ completion: @escaping Completion) {
        guard let link, isReady else { preconditionFailure("a command was sent while Redis is down") }
        call.compose(asText: asText, into: &command)
        link.send(command, asText ? "EVAL" : "EVALSHA") { [weak self] answer in
            if case .failure(let error) = answer, error.code == .noScript, let self, isReady {
                return run(call, asText: true, completion)
            }
            completion(answer)
        }
    }

    /// Sends a command. `isReady` must hold.
    package func send(_ arguments: [RedisArgument], _ operation: StaticString, _ completion: @escaping Completion) {
        guard let link, isReady else { preconditionFailure("a command was sent while Redis is down") }
        command.removeAll()
        command.appendCommand(arguments)
        link.send(command, operation, completion)
    }

    /// Writes what has been sent in this pass, but not from within an answer. Called at the end of every pass anyway.
    package func flush() { link?.flush() }

    // MARK: Connecting

    /// Connects now.
    package func connect() {
        do throws(RedisError) {
            link = try RedisLink(
                endpoint.address, loop: loop,
                connectEnded: { [weak self] error in
                    if let error { self?.fail(error.description) } else { self?.shakeHands() }
                },
                disconnected: { [weak self] error in self?.fail(error.description) })
            handshakeTimeout = loop.schedule(afterMilliseconds: Self.connectMilliseconds) { [weak self] in
                self?.fail("no answer to the handshake within \(Self.connectMilliseconds) ms")
            }
        } catch {
            fail(error.description)
        }
    }

    /// Gives the connection up and makes a new one: it is not, or no longer, the Redis we want.
    package func reconnect(because reason: String) { fail(reason) }

    private func shakeHands() {
        for arguments in Handshake.commands(endpoint, name: name) {
            ask(arguments, "AUTH, SELECT or CLIENT SETNAME") { _, _ in }
        }
        var info = ""
        ask(Handshake.info, "INFO") { _, value in info = value.string ?? "" }
        ask(Handshake.configuration, "CONFIG GET") { redis, value in
            guard let facts = ServerFacts(info: info, config: value.strings) else {
                return redis.fail("the server does not say what it is")
            }
            redis.judge(facts)
        }
    }

    private func ask(
        _ arguments: [RedisArgument], _ operation: StaticString,
        _ body: @escaping (AsyncRedis, borrowing RedisValue) -> Void
    ) {
        guard let link else { return }
        command.removeAll()
        command.appendCommand(arguments)
        link.send(command, operation) { [weak self] answer in
            guard let self else { return }
            switch answer {
            case .reply(let value): body(self, value)
            case .failure(let error): if error.code != .connectionLost { fail(error.description) }
            }
        }
    }

    private func judge(_ facts: ServerFacts) {
        if facts.role != "master" { return fail("\(endpoint.address) is a replica, not the primary") }
        if let reason = refusal(facts) { return fail(reason) }
        if let handshakeTimeout { loop.cancel(handshakeTimeout) }
        backoff.reset()
        become(.ready(facts))
    }

    /// Ends the connection, if there is one, and sets out to make another.
    private func fail(_ reason: String) {
        if let handshakeTimeout { loop.cancel(handshakeTimeout) }
        if let retry { loop.cancel(retry) }
        if case .ready = status { losses += 1 }
        become(.down(reason))
        // Calls that are unanswered fail here, after the status says that there is nothing to resend them on.
        let ended = link
        link = nil
        ended?.close()
        retry = loop.schedule(afterMilliseconds: backoff.next(using: &random)) { [weak self] in self?.connect() }
    }

    private func become(_ new: Status) {
        guard new != status else { return }
        status = new
        changed(new)
    }

    private func watch() {
        let silence = UInt64(Self.silenceMilliseconds) * 1_000_000
        if isReady, let link, link.unanswered > 0, loop.now.nanoseconds > link.lastProgress.nanoseconds + silence {
            fail("no answer within \(Self.silenceMilliseconds) ms")
        }
        loop.schedule(afterMilliseconds: Self.watchdogMilliseconds) { [weak self] in self?.watch() }
    }
}
