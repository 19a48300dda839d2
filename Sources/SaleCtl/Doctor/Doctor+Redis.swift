import OrderStore
import RedisClient
import Shared

/// Redis, its Sentinels and its replicas.
extension Doctor {
    /// Redis 7.0: `#!lua` scripts (refused whole or run whole), and CONFIG GET with several patterns.
    private static let redisMajorMin = 7
    /// A clock that is further off opens a sale visibly early or late.
    private static let clockSkewMaxMilliseconds = 1000

    mutating func examineRedis() throws {
        try sentinels()
        try examine(context.redis())
    }

    /// Each by itself: while others answer nobody misses one that can't be reached, until that one leads a failover.
    private mutating func sentinels() throws {
        guard case .primary(let name, let sentinels) = try RedisEndpoint(context.environment).location else { return }
        for sentinel in sentinels {
            do throws(RedisError) {
                let opinion = try BlockingRedis.opinion(of: sentinel, on: name)
                add(.ok, "sentinel \(sentinel)", "names \(opinion.primary), of epoch \(opinion.epoch)")
            } catch {
                add(.warning, "sentinel \(sentinel)", "\(error): nobody would hear of a failover that it leads")
            }
        }
    }

    private mutating func examine(_ redis: BlockingRedis) throws {
        let wanted = try context.environment.redisReplicas()
        let isPrimary = redis.facts.role == "master"
        add(isPrimary ? .ok : .bad, "redis role", isPrimary ? "primary" : redis.facts.role)
        safety(of: redis.facts, "redis", replicas: wanted)
        try replicas(of: redis, wanted: wanted)

        let before = UnixMilliseconds.now.value
        let redisNow = try redis.time().value
        let after = UnixMilliseconds.now.value
        // Redis' clock was read between the two readings of ours.
        let skew = redisNow < before ? before - redisNow : max(0, redisNow - after)
        add(
            skew <= Self.clockSkewMaxMilliseconds ? .ok : .bad, "redis clock",
            "\(skew) ms from this machine's; Redis' opens and closes sales")
        // Those that SQLite has, too: an emptied Redis has none.
        let stored = (try? context.existingReader()?.overviews()) ?? []
        let sales = try Set(redis.sales() + stored.filter { !$0.isArchived }.map(\.sale))
        for sale in sales.sorted() { try fence(sale, redis) }
    }

    /// What must hold for every server that sells, or may be promoted.
    private mutating func safety(of facts: ServerFacts, _ server: String, replicas: Int) {
        let major = facts.version.split(separator: ".").first.flatMap { Int($0) } ?? 0
        add(major >= Self.redisMajorMin ? .ok : .bad, "\(server) version", "\(facts.version), 7.0 or later is needed")
        let problems = facts.durabilityProblems(replicas: replicas)
        if problems.isEmpty { add(.ok, "\(server) durability", "replies after its fsync, evicts nothing") }
        for problem in problems { add(.bad, "\(server) durability", "\(problem), or confirmed orders can be lost") }
        let advice = facts.rewriteAdvice
        if advice.isEmpty { add(.ok, "\(server) file", "\(facts.appendedBytes >> 20) MiB since the last rewrite") }
        for sentence in advice { add(.warning, "\(server) file", sentence) }
        add(.memory(of: server, used: facts.countedBytes, max: facts.countedBytesMax))
    }

    /// Each replica is examined as the primary that it may be in a minute: nothing is sold on one that is not safe.
    private mutating func replicas(of redis: BlockingRedis, wanted: Int) throws {
        let endpoint = try RedisEndpoint(context.environment)
        let addresses = try redis.replicas()
        if wanted > 0 { add(.replicas(following: addresses.count, wanted: wanted)) }
        for address in addresses {
            do throws(RedisError) {
                let replica = try BlockingRedis(endpoint.at(address), name: "salectl")
                safety(of: replica.facts, "replica \(address)", replicas: wanted)
            } catch {
                add(.bad, "replica \(address)", "\(error): nothing could be sold on it after a failover")
            }
        }
    }

    private mutating func fence(_ sale: SaleID, _ redis: BlockingRedis) throws {
        do throws(RedisError) {
            guard let status = try redis.status(sale) else {
                return add(
                    .bad, "sale \(sale)", "Redis has lost it: the worker brings it back, or logs why not (fence_kept)")
            }
            let served = status.isServed(by: redis.facts.runID)
            let report = StatusReport(status: status, served: served, deadLetters: 0)
            add(
                served ? .ok : .bad, "sale \(sale)",
                served
                    ? "\(report.state), backlog \(report.backlog)"
                    : "fenced: the worker lifts that once Redis and SQLite agree; see salectl reconcile \(sale)")
            for pause in status.pauses {
                switch pause {
                case .sale:
                    add(
                        .warning, "sale \(sale)",
                        "paused: it sells nothing until `salectl resume \(sale)`; first see `salectl dlq ls \(sale)`")
                case .admission:
                    add(
                        .warning, "waiting room \(sale)",
                        "admission is paused: no turn begins until `salectl admit \(sale) resume`")
                }
            }
            if let queue = try redis.queue(sale), queue.joined > 0, queue.lastPosition == 0 {
                add(
                    .bad, "waiting room \(sale)",
                    "\(SaleKeys(sale).joined) was deleted, and nobody can join: the worker restores it, is it running?")
            }
        } catch {
            guard error.code == .unexpectedReply else { throw error }
            add(.bad, "sale \(sale)", error.message)
        }
    }
}

extension Doctor.Finding {
    /// The rest is room for a sale, and for the copies that a rewrite of the append-only file makes.
    private static let memoryPercentWarned = 80

    /// How full a server is; `max` is its maxmemory, 0 if that is not set.
    static func memory(of server: String, used: Int, max: Int) -> Self {
        func finding(_ verdict: Doctor.Verdict, _ detail: String) -> Self {
            Self(verdict: verdict, subject: "\(server) memory", detail: detail)
        }
        guard max > 0 else { return finding(.ok, "\(used >> 20) MiB used, and maxmemory is not set") }
        let percent = used * 100 / max
        let share = "\(percent) % of maxmemory (\(max >> 20) MiB) used"
        let advice = "archive ended sales, or raise maxmemory if the machine has more"
        if percent >= 100 { return finding(.bad, "\(share): nothing can be sold; \(advice)") }
        if percent >= memoryPercentWarned {
            return finding(.warning, "\(share): when it is full, nothing can be sold; \(advice)")
        }
        return finding(.ok, share)
    }

    /// Whether enough replicas follow the primary, of which `wanted` must confirm each order.
    static func replicas(following: Int, wanted: Int) -> Self {
        func finding(_ verdict: Doctor.Verdict, _ end: String = "") -> Self {
            Self(
                verdict: verdict, subject: "replicas",
                detail: "\(following) of them, and \(wanted) must confirm each order\(end)")
        }
        if following < wanted { return finding(.bad, ": nothing can be sold") }
        if following == wanted { return finding(.warning, ": when one dies, nothing is sold until it is back") }
        return finding(.ok)
    }
}
