internal import CHiredis
import Glibc
package import Shared

/// A connection that waits for each answer: for the worker and the tools, which have nothing else to do meanwhile.
///
/// It does not reconnect by itself: whoever holds it decides what a lost connection means, and makes another.
package final class BlockingRedis {
    /// Milliseconds until a silent Redis counts as gone; more than `confirmationMilliseconds`, and as little as a page of a
    /// thousand buyers allows: the worker answers nobody meanwhile.
    package static let timeoutMilliseconds = 1500

    private let context: UnsafeMutablePointer<redisContext>
    /// Who is at the other end.
    package let address: SocketAddress
    /// Who answered when the connection was made.
    package private(set) var facts: ServerFacts
    /// nil where no Sentinels are named.
    private var finder: PrimaryFinder?

    /// Connects, authenticates and asks the server who it is. Where Sentinels name the primary, they are asked before and after.
    package convenience init(_ endpoint: RedisEndpoint, name: String) throws(RedisError) {
        switch endpoint.location {
        case .server(let address):
            try self.init(connectingTo: address, timeoutMilliseconds: Self.timeoutMilliseconds)
            try shakeHands(endpoint, name: name)
        case .primary(let primary, let sentinels):
            let finder = try PrimaryFinder(name: primary, sentinels: sentinels)
            try self.init(connectingTo: finder.find(), timeoutMilliseconds: Self.timeoutMilliseconds)
            try shakeHands(endpoint, name: name)
            // For a while after a failover the Sentinels may still name the old primary.
            guard facts.role == "master" else {
                throw RedisError(.readOnly, "INFO", "\(address) is no primary any more")
            }
            // What they said before it answered may be old.
            try judge(finder.find())
            self.finder = finder
        }
    }

    private func shakeHands(_ endpoint: RedisEndpoint, name: String) throws(RedisError) {
        for command in Handshake.commands(endpoint, name: name) { _ = try self.command(command) }
        let info = try command(Handshake.info)
        let config = try command(Handshake.configuration)
        let replays = try replayAnswers()
        guard let facts = ServerFacts(info: info.value.string ?? "", config: config.value.strings, replays: replays)
        else {
            throw RedisError(.unexpectedReply, "INFO", "the server does not say what it is")
        }
        self.facts = facts
    }

    /// Asks the Sentinels once a second, in passing; throws `replaced` where this is not the primary any more, or is about to be
    /// none.
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
        self.address = address
        facts = ServerFacts(runID: "", version: "", role: "", settings: [:])
        guard made.pointee.err == 0 else {
            throw RedisError(.cannotConnect, "connect to \(address)", Self.errorText(made))
        }
        redisSetTimeout(made, limit)
    }

    /// What it says to `replayChecks`; nothing where this user may not ask.
    private func replayAnswers() throws(RedisError) -> [String: String] {
        var answers: [String: String] = [:]
        for (check, arguments) in zip(ServerFacts.replayChecks, Handshake.replays) {
            do throws(RedisError) {
                let reply = try command(arguments)
                answers[check] = reply.value.string
            } catch {
                guard error.code == .notPermitted else { throw error }
            }
        }
        return answers
    }

    deinit { redisFree(context) }

    /// Runs a command; an error reply is thrown.
    @discardableResult
    package func command(_ arguments: [RedisArgument]) throws(RedisError) -> RedisReply {
        let operation = String(decoding: arguments[0].bytes, as: UTF8.self)
        guard let raw = Self.call(context, arguments) else {
            let timedOut = context.pointee.err == REDIS_ERR_IO && (errno == EAGAIN || errno == EINTR)
            throw RedisError(
                timedOut ? .timedOut : .connectionLost, operation,
                timedOut ? "no answer within \(Self.timeoutMilliseconds) ms" : Self.errorText(context))
        }
        let message = RedisValue(raw).errorMessage
        let reply = RedisReply(owning: raw)
        if let message { throw RedisError(reply: message, to: operation) }
        return reply
    }

    /// Runs a script by its SHA, and by its text where Redis does not know it (NOSCRIPT means nothing ran).
    @discardableResult
    package func run(
        _ script: Script, keys: [String], _ arguments: [RedisArgument]
    ) throws(RedisError) -> RedisReply {
        let rest = [RedisArgument(keys.count)] + keys.map { RedisArgument($0) } + arguments
        do throws(RedisError) {
            return try command(["EVALSHA", RedisArgument(script.sha)] + rest)
        } catch {
            guard error.code == .noScript else { throw error }
            return try command(["EVAL", RedisArgument(script.source)] + rest)
        }
    }

    /// Milliseconds that replicas have to acknowledge.
    private static let confirmationMilliseconds = 1000

    /// Waits until `replicas` have everything that this connection has seen; throws `unconfirmed` where they don't in time.
    ///
    /// PING comes first: a connection that was woken from a blocking read has not taken note of the offset that woke it,
    /// and WAIT would ask about an older one (redis 7.0.15: blocked.c serves it, only server.c call() sets woff).
    package func confirm(replicas: Int) throws(RedisError) {
        guard replicas > 0 else { return }
        try command(["PING"])
        let reply = try command(["WAIT", RedisArgument(replicas), RedisArgument(Self.confirmationMilliseconds)])
        let count = reply.integer ?? 0
        guard count >= replicas else {
            throw RedisError(.unconfirmed, "WAIT", "\(count) of \(replicas) replicas acknowledge")
        }
    }

    private static func call(
        _ context: UnsafeMutablePointer<redisContext>, _ arguments: [RedisArgument]
    ) -> UnsafeMutablePointer<redisReply>? {
        // One block for all bytes, so that every argument's pointer is good for the whole call.
        let flat = arguments.flatMap(\.bytes)
        return flat.withUnsafeBufferPointer { bytes in
            var pointers: [UnsafePointer<CChar>?] = []
            var offset = 0
            let base = bytes.baseAddress.map { UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self) }
            for argument in arguments {
                pointers.append(base.map { $0 + offset })
                offset += argument.bytes.count
            }
            let raw = redisCommandArgv(context, Int32(arguments.count), &pointers, arguments.map(\.bytes.count))
            return raw?.assumingMemoryBound(to: redisReply.self)
        }
    }

    private static func errorText(_ context: UnsafeMutablePointer<redisContext>) -> String {
        withUnsafeBytes(of: context.pointee.errstr) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}
