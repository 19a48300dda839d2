import EventLoop
import RedisClient
import Shared

/// A failover during which nothing is confirmed between the promotion of the new primary and the end of the old one.
struct PlannedFailover {
    /// How long the old primary's writes are stopped at most: until it has been left. If we die in between, it goes on
    /// by itself.
    private static let pauseMilliseconds =
        catchUpMilliseconds + askMilliseconds + takeOverMilliseconds + leaveMilliseconds
    /// Replicas say once a second what they have. Shorter than `down-after-milliseconds`: the stop holds up the
    /// Sentinels' PUBLISH and every PING behind it, so they soon think the primary down, and replace it unasked.
    static let catchUpMilliseconds = 1500
    /// To ask the Sentinels, one after the other.
    private static let askMilliseconds = 8500
    /// Some seconds as a rule. A Sentinel that stands still for two seconds after it was asked goes on 30 s later.
    private static let takeOverMilliseconds = 45_000
    private static let leaveMilliseconds = 20_000
    /// A Sentinel makes a stray primary follow once it has heard from it for 8 s (four publish periods) that it is one,
    /// and asks it every 10 s. It may have thought it down meanwhile, and then begins to count anew: 21 s were seen.
    private static let followMilliseconds = 45_000
    private static let releaseMilliseconds = 5000
    /// Held by whoever fails over, so that only one does: each of two would have another Sentinel promote another
    /// replica. If its holder dies, it expires: half a minute after the longest failover, because each wait may take
    /// some seconds more for a server that does not answer.
    private static let lockKey: RedisArgument = "sale:failover"
    private static let lockMilliseconds = pauseMilliseconds + followMilliseconds + releaseMilliseconds + 30_000

    let name: String
    let sentinels: [SocketAddress]
    let endpoint: RedisEndpoint

    func run(_ progress: (String) -> Void) throws -> (old: SocketAddress, new: SocketAddress) {
        let old = try BlockingRedis(endpoint, name: "salectl")
        try BlockingRedis.askSentinels(sentinels, ["SENTINEL", "CKQUORUM", "\(name)"]) { _ in }
        let known = try BlockingRedis.replicas(of: name, accordingTo: sentinels)
        // The same ones, and not only as many: in place of one that has gone, another may follow that the Sentinels
        // have not heard of.
        guard !known.isEmpty, try Set(old.replication().replicas.keys) == known else {
            throw CommandFailure(
                "\(old.address) is not followed by just the \(known.count) replicas that the Sentinels know: one that "
                    + "lacks something could be promoted",
                ExitCode.temporaryFailure)
        }
        // One that doesn't answer will not catch up, either.
        for replica in known where (try? connect(replica).facts.isRewriting) == true {
            throw CommandFailure(
                "\(replica) is rewriting its append-only file, so nothing would be sold from it: wait until "
                    + "aof_rewrite_in_progress and aof_rewrite_scheduled are 0 in its INFO",
                ExitCode.temporaryFailure)
        }
        try takeLock(old)
        progress("stopping the writes of \(old.address)")
        do {
            try old.command(["CLIENT", "PAUSE", "\(Self.pauseMilliseconds)", "WRITE"])
            // All of them, because the Sentinels choose which one to promote.
            try wait(Self.catchUpMilliseconds, for: "its replicas to catch up") {
                try old.replication().isLevel(known)
            }
            progress("asking a Sentinel for a failover")
            try promote()
        } catch {
            // Nothing has begun, so the primary may go on at once.
            letWrite(
                old.address, unless: "the primary goes on by itself after \(Self.pauseMilliseconds / 1000) s", progress)
            releaseLock(old.address)
            throw error
        }
        var new = old.address
        // From here on the old primary must not write again. If this fails, it goes on when its pause is over.
        try wait(Self.takeOverMilliseconds, for: "a new primary") {
            // While the Sentinels disagree, the server that they name may not be a primary yet.
            guard let now = try? BlockingRedis(endpoint, name: "salectl") else { return false }
            new = now.address
            return new != old.address
        }
        do {
            // The pause holds up the Sentinels' own PUBLISH, and with it the commands that make the old primary a
            // replica. It can end once nobody follows the old primary: then nothing that it writes can be confirmed.
            try wait(Self.leaveMilliseconds, for: "the replicas to leave the old primary") {
                replicationIfAnswered(old.address)?.isLeft ?? false
            }
            letWrite(old.address, unless: "it follows \(new) some time later", progress)
            progress("waiting for the Sentinels to make \(old.address) follow \(new)")
            try wait(Self.followMilliseconds, for: "the old primary to follow") {
                replicationIfAnswered(old.address)?.isReplica ?? false
            }
        } catch {
            throw CommandFailure(
                "\(new) is the primary, but \(old.address) does not follow it yet: look into it before selling there",
                ExitCode.temporaryFailure)
        }
        releaseLock(new)
        return (old.address, new)
    }

    /// Takes the lock on the primary; while its writes are stopped, reading still tells who has it. A primary without
    /// memory refuses (OOM): nor could the Sentinels make it a replica, because it queues no command of their MULTI.
    private func takeLock(_ primary: BlockingRedis) throws {
        if try primary.command(["EXISTS", Self.lockKey]).integer == 0 {
            let reply = try primary.command(["SET", Self.lockKey, "1", "NX", "PX", "\(Self.lockMilliseconds)"])
            if reply.string == "OK" { return }
        }
        throw CommandFailure("another failover is under way: wait until it is over", ExitCode.temporaryFailure)
    }

    /// Lets the next failover begin. A new primary may have to wait for its replica before it takes a write
    /// (min-replicas-to-write).
    private func releaseLock(_ address: SocketAddress) {
        try? wait(Self.releaseMilliseconds, for: "the lock to go") {
            guard let redis = try? connect(address) else { return false }
            return (try? redis.command(["DEL", Self.lockKey])) != nil
        }
    }

    /// Makes one Sentinel begin, and no second one: it needs nobody's vote, so two would each promote a replica. The
    /// next one is asked only if the first can't be reached, stands aside (TILT), or refuses; if an answer is lost, a
    /// failover may have begun. Throws if none has.
    private func promote() throws {
        var refusals: [String] = []
        for sentinel in sentinels.shuffled() {
            var isAsked = false
            do throws(RedisError) {
                // It would accept the command, and begin when that is over (redis 7.0.15: sentinel.c,
                // sentinelHandleRedisInstance).
                guard try !isInTilt(sentinel) else {
                    refusals.append("\(sentinel) is in TILT (it stood still, or its clock jumped) for up to 30 s")
                    continue
                }
                isAsked = true
                return try BlockingRedis.askSentinels(
                    [sentinel], ["SENTINEL", "FAILOVER", "\(name)"]
                ) { _ in }
            } catch {
                let mayHaveBegun = isAsked && (error.code == .timedOut || error.code == .connectionLost)
                guard !mayHaveBegun, !error.message.hasPrefix("INPROG") else { return }
                refusals.append("\(sentinel): \(error)")
            }
        }
        let reasons = refusals.joined(separator: "; ")
        throw CommandFailure("no Sentinel begins a failover: \(reasons)", ExitCode.temporaryFailure)
    }

    private func isInTilt(_ sentinel: SocketAddress) throws(RedisError) -> Bool {
        try BlockingRedis.askSentinels([sentinel], ["INFO", "sentinel"]) {
            InfoText($0.string ?? "")["sentinel_tilt"] == "1"
        }
    }

    private func connect(_ address: SocketAddress) throws(RedisError) -> BlockingRedis {
        try BlockingRedis(endpoint.at(address), name: "salectl")
    }

    private func letWrite(_ address: SocketAddress, unless consequence: String, _ progress: (String) -> Void) {
        do throws(RedisError) {
            try connect(address).command(["CLIENT", "UNPAUSE"])
        } catch {
            progress("\(address) could not be told to write again (\(error.message)): \(consequence)")
        }
    }

    private func wait(_ milliseconds: Int, for what: String, until condition: () throws -> Bool) throws {
        guard try Poll.until(Instant.now.advanced(milliseconds: milliseconds), condition) else {
            throw CommandFailure(
                "waited \(Poll.text(milliseconds)) for \(what), without success", ExitCode.temporaryFailure)
        }
    }

    /// nil if no answer comes: the Sentinels close every connection of a server whose role they change, and may do so
    /// between our question and its answer.
    private func replicationIfAnswered(_ address: SocketAddress) -> Replication? {
        guard let redis = try? connect(address) else { return nil }
        return try? redis.replication()
    }
}
