/// What a Redis says about itself: who it is, and whether its replies are safe.
package struct ServerFacts: Equatable, Sendable {
    /// Changes each time the process starts; the fence compares it.
    package var runID: String
    package var version: String
    package var role: String
    /// It is still reading its append-only file, and runs no script.
    package var isLoading: Bool
    /// Settings by name, from CONFIG GET; and what the default user may do, by the names of `replayChecks`.
    package var settings: [String: String]
    /// Replicas that it has heard from lately; nil if no setting requires any. With fewer than `replicasSetting` it
    /// refuses every write.
    package var goodReplicas: Int?
    /// It is rewriting its append-only file, or is about to.
    package var isRewriting = false
    /// Bytes appended to its append-only file since the last rewrite: the next start executes them, command by command.
    package var appendedBytes = 0
    /// Bytes that count against `maxmemory`.
    package var countedBytes = 0
    /// `maxmemory`, beyond which every write is refused; 0: there is none.
    package var countedBytesMax = 0

    /// The settings that strict durability requires.
    ///
    /// With them Redis replies after the fsync, of which each pass of its loop has one for all clients (redis 7.0.15,
    /// server.c beforeSleep, aof.c flushAppendOnlyFile). `no-appendfsync-on-rewrite yes` would cancel that while a
    /// rewrite runs; eviction would delete orders; a failing snapshot (`save`) would block writes.
    package static let strictSettings: [(name: String, value: String)] = [
        ("appendonly", "yes"), ("appendfsync", "always"), ("no-appendfsync-on-rewrite", "no"),
        ("maxmemory-policy", "noeviction"), ("save", ""),
    ]

    package init(runID: String, version: String, role: String, isLoading: Bool = false, settings: [String: String]) {
        self.runID = runID
        self.version = version
        self.role = role
        self.isLoading = isLoading
        self.settings = settings
    }

    /// The commands by which a sale's scripts write, and what follows the key. The default user must be allowed to run
    /// them, even if nobody may log in as it.
    ///
    /// A script's writes are a transaction in the append-only file. At its next start Redis executes it as the default
    /// user, and EXEC checks that user's permissions for each command (redis 7.0.15, multi.c execCommand; fixed
    /// upstream at the end of 2025, redis#14545). A command that is not permitted is dropped, and with it an order that
    /// SQLite does not have yet. Redis 7.2.5 does not start then (redis#14156).
    static let replayed: [(command: String, arguments: [String])] = [
        ("DECRBY", ["1"]), ("HSET", ["f", "v"]), ("INCRBY", ["1"]), ("XADD", ["*", "f", "v"]),
    ]

    package static let replayChecks = replayed.map { "ACL DRYRUN default \($0.command)" }

    /// Reads the text of INFO, the settings of CONFIG GET and the answers to `replayChecks` that were not refused; nil
    /// if INFO lacks what every Redis has.
    package init?(info: String, config: [String: String], replays: [String: String]) {
        let info = InfoText(info)
        guard let runID = info["run_id"], let version = info["redis_version"], let role = info["role"] else {
            return nil
        }
        self.init(
            runID: String(runID), version: String(version), role: String(role), isLoading: info["loading"] == "1",
            settings: config.merging(replays) { $1 })
        goodReplicas = info["min_slaves_good_slaves"].flatMap { Int($0) }
        isRewriting = info["aof_rewrite_in_progress"] == "1" || info["aof_rewrite_scheduled"] == "1"
        // A start sets the base's size to that of the base file, too (redis 7.0.15, aof.c loadAppendOnlyFiles).
        appendedBytes = info.integer("aof_current_size") - info.integer("aof_base_size")
        // As Redis itself counts: without the buffers of replicas and of the append-only file (redis 7.0.15, evict.c
        // getMaxmemoryState).
        countedBytes = info.integer("used_memory") - info.integer("mem_not_counted_for_evict")
        countedBytesMax = info.integer("maxmemory")
    }

    /// The setting that makes a primary refuse writes (NOREPLICAS) if it has seen too few replicas for a while.
    package static let replicasSetting = "min-replicas-to-write"

    /// Why this Redis' replies are not safe if `replicas` must have what they rest on; each a phrase, none if they are
    /// safe.
    ///
    /// A rewrite is among them. After `CONFIG SET appendonly yes`, and after a replica was filled by its primary, Redis
    /// says `yes` and appends to a file that a start does not read before the first rewrite is complete (redis 7.0.15,
    /// aof.c AOF_WAIT_REWRITE). INFO does not tell that rewrite from any other, during which nothing could be lost.
    package func durabilityProblems(replicas: Int) -> [String] {
        let wanted =
            Self.strictSettings + [(Self.replicasSetting, "\(replicas)")] + Self.replayChecks.map { ($0, "OK") }
        let wrong = wanted.compactMap { name, wanted -> String? in
            guard let value = settings[name] else { return "\(name) can't be read" }
            return value == wanted ? nil : "\(name) is \"\(value)\" and must be \"\(wanted)\""
        }
        return wrong + (isRewriting ? ["the rewrite of the append-only file must be complete"] : [])
    }

    /// By how many percent the append-only file must have grown before Redis rewrites it by itself; 0: never.
    package static let rewriteSetting = "auto-aof-rewrite-percentage"

    /// The names of the settings that `settings` has.
    package static let settingsRead = [replicasSetting, rewriteSetting] + strictSettings.map(\.name)

    /// 256 MiB: 700,000 orders of 396 bytes, which a start executes in three seconds.
    private static let appendedBytesMax = 256 << 20

    /// What to do about rewriting the append-only file; each a sentence, none if there is nothing to do.
    ///
    /// Only a sale writes much, so a rewrite that is triggered by growth begins in the middle of one: with a fork, and
    /// a second writer on the disk that every winner waits for.
    package var rewriteAdvice: [String] {
        var advice: [String] = []
        let percentage = settings[Self.rewriteSetting]
        if percentage != "0" {
            let value = percentage.map { "is \($0)" } ?? "can't be read"
            advice.append("\(Self.rewriteSetting) \(value): a rewrite may begin in the middle of a sale; set it to 0")
        }
        if appendedBytes > Self.appendedBytesMax {
            advice.append(
                "\(appendedBytes >> 20) MiB were appended since the last rewrite: BGREWRITEAOF while nothing is on sale"
            )
        }
        return advice
    }
}
