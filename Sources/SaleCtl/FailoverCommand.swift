import EventLoop
import Glibc
import RedisClient
import Shared

extension Command {
    static let failover = Command(
        "failover", "[--json]", "Moves the primary's role to a replica on purpose, and loses nothing.",
        details: """
              --json   as JSON

            For SALE_REDIS_URL=redis+sentinel://…. Stops the primary's writes, waits until its replicas have everything, and only
            then lets the Sentinels promote one. SENTINEL FAILOVER alone lets the old primary go on confirming with another
            replica for up to a second, and what it confirms then is lost. Buyers get 202 or 503 for some seconds.

            Exit code 0: there is a new primary; 75: there is none, and the old one goes on.
            """
    ) { line, context in
        let arguments = try Arguments(line, options: [], flags: ["--json"])
        let endpoint = try RedisEndpoint(context.environment)
        guard case .primary(let name, let sentinels) = endpoint.location else {
            throw CommandFailure("SALE_REDIS_URL names no Sentinels", ExitCode.config)
        }
        let failover = PlannedFailover(name: name, sentinels: sentinels, endpoint: endpoint)
        let addresses = try failover.run { Output.error("salectl: \($0)") }
        if arguments.has("--json") {
            var text = ByteBuffer(capacity: 128)
            text.append("{")
            text.appendMember("old_primary", "\(addresses.old)")
            text.appendMember("new_primary", "\(addresses.new)")
            text.append("}")
            Output.line(text.string)
        } else {
            Output.print([("old_primary", "\(addresses.old)"), ("new_primary", "\(addresses.new)")])
        }
        return ExitCode.ok
    }
}

/// A failover in which nothing is confirmed between the promotion of the new primary and the end of the old one.
private struct PlannedFailover {
    /// How long the old primary's writes are stopped at most: it goes on by itself should we die in between.
    private static let pauseMilliseconds = 30_000
    private static let catchUpMilliseconds = 5000
    private static let takeOverMilliseconds = 20_000
    private static let pollMilliseconds = 50

    let name: String
    let sentinels: [SocketAddress]
    let endpoint: RedisEndpoint

    func run(_ progress: (String) -> Void) throws -> (old: SocketAddress, new: SocketAddress) {
        let old = try BlockingRedis(endpoint, name: "salectl")
        try BlockingRedis.askSentinels(sentinels, ["SENTINEL", "CKQUORUM", RedisArgument(name)]) { _ in }
        guard try replication(old).replicas.isEmpty == false else {
            throw CommandFailure("\(old.address) has no replica that could take over", ExitCode.temporaryFailure)
        }
        progress("stopping the writes of \(old.address)")
        try old.command(["CLIENT", "PAUSE", RedisArgument(Self.pauseMilliseconds), "WRITE"])
        do {
            // All of them: which one is promoted is for the Sentinels to say.
            try wait(Self.catchUpMilliseconds, for: "its replicas to catch up") { try replication(old).isLevel }
            progress("asking the Sentinels for a failover")
            try BlockingRedis.askSentinels(sentinels, ["SENTINEL", "FAILOVER", RedisArgument(name)]) { _ in }
            try wait(Self.takeOverMilliseconds, for: "a new primary") { try isReplaced(old.address) }
        } catch {
            _ = try? old.command(["CLIENT", "UNPAUSE"])
            throw error
        }
        try? letWrite(old.address)
        return (old.address, try BlockingRedis(endpoint, name: "salectl").address)
    }

    /// Ends the pause of the old primary once it is a replica. Before that it must not write; should it never become one, the
    /// pause ends by itself.
    private func letWrite(_ old: SocketAddress) throws {
        let itself = RedisEndpoint(location: .server(old), user: endpoint.user, password: endpoint.password)
        try wait(Self.takeOverMilliseconds, for: "the old primary to follow") {
            // The Sentinels close every connection of a server whose role they change.
            guard let redis = try? BlockingRedis(itself, name: "salectl"), try replication(redis).isReplica else {
                return false
            }
            try redis.command(["CLIENT", "UNPAUSE"])
            return true
        }
    }

    private func isReplaced(_ old: SocketAddress) throws -> Bool {
        // While they disagree, the one that is named may be no primary yet.
        guard let now = try? BlockingRedis(endpoint, name: "salectl") else { return false }
        return now.address != old
    }

    private func wait(_ milliseconds: Int, for what: String, until condition: () throws -> Bool) throws {
        let end = Instant.now.advanced(milliseconds: milliseconds)
        while !(try condition()) {
            guard Instant.now < end else {
                throw CommandFailure(
                    "waited \(milliseconds / 1000) s for \(what), in vain; the old primary goes on",
                    ExitCode.temporaryFailure)
            }
            usleep(UInt32(Self.pollMilliseconds * 1000))
        }
    }

    /// What a server says of its replication.
    private struct Replication {
        var isReplica: Bool
        var offset: Int
        /// How far each replica that is connected has got.
        var replicas: [Int]

        var isLevel: Bool { !replicas.isEmpty && replicas.allSatisfy { $0 >= offset } }
    }

    private func replication(_ redis: BlockingRedis) throws(RedisError) -> Replication {
        let reply = try redis.command(["INFO", "replication"])
        let lines = (reply.value.string ?? "").split(whereSeparator: \.isNewline)
        func value(_ name: String) -> Substring? {
            lines.first { $0.hasPrefix("\(name):") }?.dropFirst(name.count + 1)
        }
        let replicas = lines.filter { $0.hasPrefix("slave") && $0.contains("state=online") }.compactMap { line in
            line.split(separator: ",").first { $0.hasPrefix("offset=") }.flatMap { Int($0.dropFirst(7)) }
        }
        return Replication(
            isReplica: value("role") == "slave", offset: value("master_repl_offset").flatMap { Int($0) } ?? 0,
            replicas: replicas)
    }
}
