import CLinux
import Glibc
import OrderStore
import RedisClient
import Shared

extension Command {
    static let doctor = Command(
        "doctor", "[--json]", "Checks whether everything is ready for a sale.",
        details: """
            Checks the Sentinels (each reached, and which primary it names), Redis (reached, version, primary, the
            settings that keep confirmed orders, its append-only file, its memory, the fence and the waiting room of
            each sale), its replicas (how many, and whether each could take over), the clocks, the files of keys, token
            and password and their permissions, the database and the free space on its disk, and whether the worker
            stores orders (only if SALE_OPS_LISTEN or SALE_OPS_TOKEN_FILE is set). Exit code 0: nothing is wrong; 1:
            something is, and its line says what to do.
            """
    ) { line, context in
        let arguments = try Arguments(line, options: [], flags: ["--json"])
        var doctor = Doctor(context: context)
        doctor.examine()
        if arguments.has("--json") {
            Output.line(doctor.json)
        } else {
            Output.print(doctor.findings.map { ("\($0.verdict.rawValue.padded(to: 4))  \($0.subject)", $0.detail) })
        }
        return doctor.isHealthy ? ExitCode.ok : ExitCode.negative
    }
}

/// Examines everything that a sale needs, once.
private struct Doctor {
    enum Verdict: String {
        case ok
        /// It works, but an operator should know.
        case warning = "warn"
        case bad
    }

    struct Finding {
        let verdict: Verdict
        let subject: String
        let detail: String
    }

    /// Redis 7.0: `#!lua` scripts (refused whole or run whole), and CONFIG GET with several patterns.
    private static let redisMajorMin = 7
    /// A clock that is further off opens a sale visibly early or late.
    private static let clockSkewMaxMilliseconds = 1000
    /// 10,000 orders take about 5 MB; a gibibyte is room for logs, the WAL and many sales.
    private static let diskFreeMin = 1 << 30
    /// The rest is room for a sale, and for the copies that a rewrite of the append-only file makes.
    private static let memoryPercentWarned = 80

    let context: Context
    private(set) var findings: [Finding] = []

    init(context: Context) { self.context = context }

    var isHealthy: Bool { !findings.contains { $0.verdict == .bad } }

    mutating func examine() {
        do {
            try sentinels()
            try examine(context.redis())
        } catch {
            add(.bad, "redis", CommandFailure(error).message)
        }
        clockSource()
        keys()
        operatorToken()
        redisPassword()
        database()
        worker()
    }

    private mutating func add(_ verdict: Verdict, _ subject: String, _ detail: String) {
        findings.append(Finding(verdict: verdict, subject: subject, detail: detail))
    }

    // MARK: Redis

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
        for sale in try redis.sales() { try fence(sale, redis) }
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
        memory(of: facts, server)
    }

    private mutating func memory(of facts: ServerFacts, _ server: String) {
        guard facts.countedBytesMax > 0 else {
            return add(.ok, "\(server) memory", "\(facts.countedBytes >> 20) MiB used, and maxmemory is not set")
        }
        let percent = facts.countedBytes * 100 / facts.countedBytesMax
        let used = "\(percent) % of maxmemory (\(facts.countedBytesMax >> 20) MiB) used"
        let advice = "archive ended sales, or raise maxmemory if the machine has more"
        if percent >= 100 {
            add(.bad, "\(server) memory", "\(used): nothing can be sold; \(advice)")
        } else if percent >= Self.memoryPercentWarned {
            add(.warning, "\(server) memory", "\(used): when it is full, nothing can be sold; \(advice)")
        } else {
            add(.ok, "\(server) memory", used)
        }
    }

    /// Each replica is examined as the primary that it may be in a minute: nothing is sold on one that is not safe.
    private mutating func replicas(of redis: BlockingRedis, wanted: Int) throws {
        let endpoint = try RedisEndpoint(context.environment)
        let addresses = try redis.replicas()
        if wanted > 0 {
            let count = "\(addresses.count) of them, and \(wanted) must confirm each order"
            if addresses.count < wanted {
                add(.bad, "replicas", "\(count): nothing can be sold")
            } else if addresses.count == wanted {
                add(.warning, "replicas", "\(count): when one dies, nothing is sold until it is back")
            } else {
                add(.ok, "replicas", count)
            }
        }
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
                return add(.bad, "sale \(sale)", "is listed, and Redis has lost it")
            }
            let served = status.servingRunID == redis.facts.runID
            let report = StatusReport(status: status, served: served, deadLetters: 0)
            add(
                served ? .ok : .bad, "sale \(sale)",
                served
                    ? "\(report.state), backlog \(report.backlog)"
                    : "fenced: the worker lifts that once Redis and SQLite agree; see salectl reconcile \(sale)")
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

    // MARK: This machine

    private mutating func clockSource() {
        switch CLinux_clock_synchronised() {
        case 1: add(.ok, "clock", "synchronised")
        case 0: add(.warning, "clock", "not synchronised: run chrony or systemd-timesyncd")
        default: add(.warning, "clock", "the kernel does not say whether it is synchronised")
        }
    }

    private mutating func keys() {
        do throws(ConfigurationError) {
            let path = try context.environment.required(.jwksFile)
            let keys = try context.environment.keySet()
            add(.ok, "keys", "\(keys.keys.count) in \(path)")
            permissions("keys'", path)
        } catch {
            add(.bad, "keys", error.description)
        }
        guard let path = context.environment[.receiptKeyFile] else { return }
        do throws(ConfigurationError) {
            let keys = try context.environment.receiptKeys()
            add(.ok, "receipt keys", "\(keys?.published.count ?? 0) in \(path)")
            permissions("receipt keys'", path)
        } catch {
            add(.bad, "receipt keys", error.description)
        }
    }

    private mutating func operatorToken() {
        guard let path = context.environment[.opsTokenFile] else { return }
        do throws(ConfigurationError) {
            _ = try context.environment.operatorToken()
            add(.ok, "operator token", path)
            permissions("operator token's", path)
        } catch {
            add(.bad, "operator token", error.description)
        }
    }

    /// Whether the password is right has been found by connecting to Redis.
    private mutating func redisPassword() {
        guard let path = context.environment[.redisPasswordFile] else { return }
        permissions("Redis password's", path)
    }

    private mutating func permissions(_ whose: String, _ path: String) {
        var facts = stat()
        guard stat(path, &facts) == 0 else { return }
        let open = facts.st_mode & 0o077
        add(
            open == 0 ? .ok : .bad, "\(whose) permissions",
            open == 0 ? "its owner only" : "others may read \(path): chmod 600, and replace what they may have read")
    }

    private mutating func database() {
        let path = context.environment[.database] ?? ""
        let directory = File.directory(of: path)
        if File.exists(path) {
            do throws(StoreError) {
                _ = try StoreReader(path: path)
                add(.ok, "database", path)
            } catch {
                add(.bad, "database", "\(path): \(error.message)")
            }
        } else {
            add(.warning, "database", "\(path) is not there yet: the worker makes it")
        }
        var facts = statvfs()
        guard statvfs(directory, &facts) == 0 else {
            return add(.bad, "disk", "\(directory): \(FileError())")
        }
        let free = Int(facts.f_bavail) * Int(facts.f_frsize)
        add(
            free >= Self.diskFreeMin ? .ok : .bad, "disk",
            "\(free >> 20) MiB free in \(directory), at least \(Self.diskFreeMin >> 20) are needed")
    }

    /// SALE_OPS_LISTEN has a default value, so one of the settings shows that there is a worker to ask: on a machine
    /// without either, whatever listens there is not known to be ours.
    private mutating func worker() {
        let environment = context.environment
        guard environment.isSet(.opsListen) || environment.isSet(.opsTokenFile) else {
            let names = "\(Setting.opsListen.name) and \(Setting.opsTokenFile.name)"
            return add(.ok, "worker", "not checked: neither of \(names) is set")
        }
        do {
            let address = try environment.address(.opsListen)
            let answer = try OperatorClient(address: address, token: "").get("/readyz")
            if answer.status == 200 {
                add(.ok, "worker", "stores orders, says \(address)")
            } else {
                add(.bad, "worker", "\(address) answered \(answer.status): \(answer.sentence)")
            }
        } catch let error as OperatorClient.Failed {
            add(.bad, "worker", "\(error.message) (systemctl start sale-worker)")
        } catch {
            add(.bad, "worker", "\(error)")
        }
    }

    // MARK: JSON

    var json: String {
        ByteBuffer.json { text in
            text.appendMember("healthy", isHealthy)
            text.appendMember("findings", objects: findings) { text, finding in
                text.appendMember("verdict", finding.verdict.rawValue)
                text.appendMember("subject", finding.subject)
                text.appendMember("detail", finding.detail)
            }
        }
    }
}
