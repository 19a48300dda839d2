internal import CHiredis
import Glibc
package import Shared

/// A connection that waits for each reply: for the worker and the tools, which have nothing else to do meanwhile.
///
/// It does not reconnect by itself: its owner decides what a lost connection means, and makes a new one.
package final class BlockingRedis {
    /// Milliseconds after which a silent Redis counts as gone: more than `confirmationMilliseconds`, and no more than a
    /// page of a thousand buyers needs, because the worker serves nobody meanwhile.
    package static let defaultTimeoutMilliseconds = 1500

    private let context: UnsafeMutablePointer<redisContext>
    private let timeoutMilliseconds: Int
    /// The server at the other end.
    package let address: SocketAddress
    /// What the server said about itself when the connection was made.
    package private(set) var facts: ServerFacts
    /// nil if no Sentinels are configured.
    private var finder: PrimaryFinder?
    /// The command that is being sent, as it travels.
    private var outgoing = ByteBuffer(capacity: 1024)

    /// Connects, authenticates and asks the server who it is. If Sentinels name the primary, they are asked before and
    /// after.
    package convenience init(
        _ endpoint: RedisEndpoint, name: String, timeoutMilliseconds: Int = defaultTimeoutMilliseconds
    ) throws(RedisError) {
        switch endpoint.location {
        case .server(let address):
            try self.init(connectingTo: address, timeoutMilliseconds: timeoutMilliseconds)
            try shakeHands(endpoint, name: name)
        case .primary(let primary, let sentinels):
            let finder = try PrimaryFinder(name: primary, sentinels: sentinels)
            try self.init(connectingTo: finder.find(), timeoutMilliseconds: timeoutMilliseconds)
            try shakeHands(endpoint, name: name)
            // Just after a failover the Sentinels may still name the old primary.
            guard facts.role == "master" else {
                throw RedisError(.readOnly, "INFO", "\(address) is no primary any more")
            }
            // What they said before the server answered may be out of date.
            try judge(finder.find())
            self.finder = finder
        }
    }

    private func shakeHands(_ endpoint: RedisEndpoint, name: String) throws(RedisError) {
        for command in Handshake.commands(endpoint, name: name) { _ = try self.command(command) }
        let info = try command(Handshake.info)
        let config = try command(Handshake.configuration)
        let replays = try replayAnswers()
        guard let facts = ServerFacts(info: info.string ?? "", config: config.value.fields, replays: replays)
        else {
            throw RedisError(.unexpectedReply, "INFO", "the server does not say what it is")
        }
        self.facts = facts
    }

    /// Asks the Sentinels, once a second and without waiting for slow ones; throws `replaced` if this server is no
    /// longer the primary, or is about to be replaced.
    package func checkPrimary() throws(RedisError) {
        if let primary = try finder?.look() { try judge(primary) }
    }

    private func judge(_ primary: SocketAddress) throws(RedisError) {
        guard primary == address else {
            throw RedisError(.replaced, "SENTINEL", "\(primary) is the primary now, and not \(address)")
        }
    }

    init(connectingTo address: SocketAddress, timeoutMilliseconds: Int) throws(RedisError) {
        let limit = timeval(tv_sec: timeoutMilliseconds / 1000, tv_usec: timeoutMilliseconds % 1000 * 1000)
        let made: UnsafeMutablePointer<redisContext>?
        switch address {
        case .tcp(let host, let port): made = redisConnectWithTimeout(host, Int32(port), limit)
        case .unix(let path): made = redisConnectUnixWithTimeout(path, limit)
        }
        guard let made else { preconditionFailure("hiredis: out of memory") }
        context = made
        self.timeoutMilliseconds = timeoutMilliseconds
        self.address = address
        facts = ServerFacts(runID: "", version: "", role: "", settings: [:])
        guard made.pointee.err == 0 else {
            throw RedisError(.cannotConnect, "connect to \(address)", Self.errorText(made))
        }
        redisSetTimeout(made, limit)
        made.pointee.discardUnsentOnClose()
    }

    /// The server's answers to `replayChecks`; without those that this user may not ask.
    private func replayAnswers() throws(RedisError) -> [String: String] {
        var answers: [String: String] = [:]
        for (check, arguments) in zip(ServerFacts.replayChecks, Handshake.replays) {
            do throws(RedisError) {
                answers[check] = try command(arguments).string
            } catch {
                guard error.code == .notPermitted else { throw error }
            }
        }
        return answers
    }

    deinit { redisFree(context) }

    /// Runs a command; throws an error reply.
    @discardableResult
    package func command(_ arguments: [RedisArgument]) throws(RedisError) -> RedisReply {
        outgoing.removeAll()
        outgoing.appendCommand(arguments)
        return try send(String(decoding: arguments[0].bytes, as: UTF8.self))
    }

    /// Runs a script by its SHA-1, or with its text if Redis does not know it (NOSCRIPT means that nothing ran).
    @discardableResult
    package func run(_ call: ScriptCall) throws(RedisError) -> RedisReply {
        do throws(RedisError) {
            call.compose(asText: false, into: &outgoing)
            return try send("EVALSHA")
        } catch {
            guard error.code == .noScript else { throw error }
            call.compose(asText: true, into: &outgoing)
            return try send("EVAL")
        }
    }

    /// Sends the outgoing command and waits for the reply.
    private func send(_ operation: String) throws(RedisError) -> RedisReply {
        let queued = outgoing.withUnsafeBytes {
            redisAppendFormattedCommand(context, $0.baseAddress?.assumingMemoryBound(to: CChar.self), $0.count)
        }
        precondition(queued == REDIS_OK, "hiredis: out of memory")
        var raw: UnsafeMutableRawPointer?
        guard redisGetReply(context, &raw) == REDIS_OK, let raw else {
            let timedOut = context.pointee.err == REDIS_ERR_IO && (errno == EAGAIN || errno == EINTR)
            context.pointee.abort()
            throw RedisError(
                timedOut ? .timedOut : .connectionLost, operation,
                timedOut ? "no answer within \(timeoutMilliseconds) ms" : Self.errorText(context))
        }
        let pointer = raw.assumingMemoryBound(to: redisReply.self)
        let message = RedisValue(pointer).errorMessage
        let reply = RedisReply(owning: pointer)
        if let message { throw RedisError(reply: message, to: operation) }
        return reply
    }

    /// Milliseconds that replicas have to acknowledge.
    private static let confirmationMilliseconds = 1000

    /// Waits until `replicas` have everything that this connection has seen; throws `unconfirmed` if they don't in
    /// time.
    ///
    /// PING comes first: a connection that was woken from a blocking read has not recorded the offset that woke it, and
    /// WAIT would ask about an older one (redis 7.0.15: blocked.c serves it, only server.c call() sets woff).
    package func confirm(replicas: Int) throws(RedisError) {
        guard replicas > 0 else { return }
        try command(["PING"])
        let reply = try command(["WAIT", "\(replicas)", "\(Self.confirmationMilliseconds)"])
        let count = reply.integer ?? 0
        guard count >= replicas else {
            throw RedisError(.unconfirmed, "WAIT", "\(count) of \(replicas) replicas acknowledge")
        }
    }

    private static func errorText(_ context: UnsafeMutablePointer<redisContext>) -> String {
        withUnsafeBytes(of: context.pointee.errstr) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}
