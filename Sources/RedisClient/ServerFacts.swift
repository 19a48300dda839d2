/// What a Redis says of itself when a connection is made: who it is, and whether its answers are safe.
package struct ServerFacts: Equatable, Sendable {
    /// Changes whenever the process is started anew; the fence compares it.
    package var runID: String
    package var version: String
    package var role: String
    /// It is still reading its append-only file, and answers no script.
    package var isLoading: Bool
    /// Settings by name, as CONFIG GET gave them; and what the default user may do, by the names of `replayChecks`.
    package var settings: [String: String]
    /// Bytes of its append-only file behind what the last rewrite made of it: a start executes them, command by command.
    package var appendedBytes = 0

    /// The settings that strict durability asks for.
    ///
    /// Redis then answers after the fsync, one per loop pass for all clients in it (redis 7.0.15, server.c beforeSleep,
    /// aof.c flushAppendOnlyFile). `no-appendfsync-on-rewrite yes` would cancel that while a rewrite runs; eviction
    /// would delete orders; a failing snapshot (`save`) would block writes.
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

    /// What is asked of Redis to see whether the default user may do what a sale's scripts write, which must be so even where nobody
    /// may log in as it: names, and what follows a key.
    ///
    /// A script's writes are a transaction in the append-only file, which Redis executes at its next start as the default user,
    /// and EXEC checks that user's permissions for each of them (redis 7.0.15, multi.c execCommand; mended upstream at the end of
    /// 2025, redis#14545). One that is not permitted is dropped, and with it an order that SQLite does not have yet; Redis 7.2.5
    /// doesn't start then (redis#14156).
    static let replayed: [(command: String, arguments: [String])] = [
        ("DECRBY", ["1"]), ("HSET", ["f", "v"]), ("INCRBY", ["1"]), ("XADD", ["*", "f", "v"]),
    ]

    package static let replayChecks = replayed.map { "ACL DRYRUN default \($0.command)" }

    /// Reads the text of INFO, the array of CONFIG GET and the answers to `replayChecks`, without those that were refused; nil
    /// where INFO lacks what every Redis has.
    package init?(info: String, config: [String], replays: [String: String]) {
        var lines: [Substring: Substring] = [:]
        for line in info.split(whereSeparator: \.isNewline) {
            guard let colon = line.firstIndex(of: ":") else { continue }
            lines[line[..<colon]] = line[line.index(after: colon)...]
        }
        guard let runID = lines["run_id"], let version = lines["redis_version"], let role = lines["role"] else {
            return nil
        }
        var settings: [String: String] = [:]
        for index in stride(from: 0, to: config.count - 1, by: 2) { settings[config[index]] = config[index + 1] }
        settings.merge(replays) { $1 }
        self.init(
            runID: String(runID), version: String(version), role: String(role), isLoading: lines["loading"] == "1",
            settings: settings)
        func bytes(_ name: Substring) -> Int { lines[name].flatMap { Int($0) } ?? 0 }
        // The base's size is also that after a start (redis 7.0.15, aof.c loadAppendOnlyFiles).
        appendedBytes = bytes("aof_current_size") - bytes("aof_base_size")
    }

    /// The setting that makes a primary refuse writes (NOREPLICAS) once it has seen too few replicas for a while.
    package static let replicasSetting = "min-replicas-to-write"

    /// Why answers of this Redis are not safe where `replicas` must have them, each a phrase; empty where they are.
    package func durabilityProblems(replicas: Int) -> [String] {
        let wanted =
            Self.strictSettings + [(Self.replicasSetting, "\(replicas)")] + Self.replayChecks.map { ($0, "OK") }
        return wanted.compactMap { name, wanted in
            guard let value = settings[name] else { return "\(name) can't be read" }
            return value == wanted ? nil : "\(name) is \"\(value)\" and must be \"\(wanted)\""
        }
    }

    /// How much the append-only file must have grown, in percent, for Redis to rewrite it by itself; 0: never.
    package static let rewriteSetting = "auto-aof-rewrite-percentage"
    /// 256 MiB: 700,000 orders at 396 bytes, which a start executes in three seconds.
    private static let appendedBytesMax = 256 << 20

    /// What there is to do about rewriting the append-only file, each a sentence; empty where there is nothing.
    ///
    /// Only a sale writes much, so a rewrite that begins when the file has grown begins in the middle of one: a fork and a
    /// second writer on the disk that every winner waits for.
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
