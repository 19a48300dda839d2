/// An environment variable that our programs read. Its name, its default and its meaning are only here.
package struct Setting: Sendable {
    /// What applies if the variable is not set.
    package enum Default: Sendable {
        case value(String)
        /// The program finds a value by itself; `--help` describes it with this text.
        case described(String)
        case none
    }

    package let name: String
    package let `default`: Default
    package let meaning: String

    private init(_ name: String, default: Default, _ meaning: String) {
        self.name = name
        self.default = `default`
        self.meaning = meaning
    }

    package static let redisURL = Setting(
        "SALE_REDIS_URL", default: .value("redis://127.0.0.1:6379/0"),
        "the Redis primary; also redis://user@host:port/db, unix:///path/to.sock?db=0, or the Sentinels that name it: "
            + "redis+sentinel://h1:26379,h2:26379,h3:26379/mymaster/db. Use addresses, not names: a name is looked up "
            + "for each connection, and everything waits for that")
    package static let redisPasswordFile = Setting(
        "SALE_REDIS_PASSWORD_FILE", default: .none,
        "file that holds the password of that user, and must be set if there is one")
    package static let redisReplicas = Setting(
        "SALE_REDIS_REPLICAS", default: .value("0"),
        "replicas that must acknowledge a decision (WAIT) before the buyer is answered; set Redis' "
            + "min-replicas-to-write to the same number")
    package static let durability = Setting(
        "SALE_DURABILITY", default: .value("strict"),
        "strict: sell only on a Redis that answers after its fsync; relaxed: sell on any (for development)")
    package static let listen = Setting(
        "SALE_LISTEN", default: .value("127.0.0.1:8101"),
        "address to listen on: host:port or unix:/path; a socket handed over by systemd is used instead")
    package static let jwksFile = Setting(
        "SALE_JWT_JWKS_FILE", default: .none,
        "file with the keys that sign buyers' tokens: an RFC 7517 set of oct keys; SIGHUP rereads it")
    package static let jwtAudience = Setting(
        "SALE_JWT_AUDIENCE", default: .none, "the aud that a token must have; unset: any")
    package static let jwtIssuer = Setting(
        "SALE_JWT_ISSUER", default: .none, "the iss that a token must have; unset: any")
    package static let receiptKeyFile = Setting(
        "SALE_RECEIPT_KEY_FILE", default: .none,
        "PEM file of Ed25519 keys: the private key that signs receipts, then retired keys, which are only published; "
            + "unset: no receipts; SIGHUP rereads it")
    package static let rateLimit = Setting(
        "SALE_RATE_LIMIT", default: .value("20/10s"),
        "purchases that one buyer may send at once, and the period in which as many again are allowed; exact within a "
            + "process")
    package static let deadline = Setting(
        "SALE_DEADLINE_MS", default: .value("2500"),
        "milliseconds until a purchase is answered 202 (if sent) or 503 (if not); less than nginx' proxy_read_timeout "
            + "(2600 as delivered)")
    package static let drain = Setting(
        "SALE_DRAIN_MS", default: .value("5000"),
        "milliseconds that a process keeps serving after SIGTERM while anyone is connected: as long as nginx may use "
            + "an idle connection (upstream keepalive_timeout)")
    package static let maxConnections = Setting(
        "SALE_MAX_CONNECTIONS", default: .value("12000"),
        "client connections that one process holds; any more are closed at once")
    package static let batchMax = Setting(
        "SALE_BATCH_MAX", default: .value("512"), "purchases in one script call, 1 to 1000")
    package static let database = Setting("SALE_DATABASE", default: .value("sale.db"), "the SQLite file")
    package static let opsListen = Setting(
        "SALE_OPS_LISTEN", default: .value("127.0.0.1:8201"),
        "address for operators and Prometheus: host:port or unix:/path; never expose it to the public")
    package static let opsTokenFile = Setting(
        "SALE_OPS_TOKEN_FILE", default: .none,
        "file with the operators' token; unset: only /livez, /readyz and /metrics are served")
    package static let ledgerListen = Setting(
        "SALE_LEDGER_LISTEN", default: .value("127.0.0.1:8202"),
        "address for the public ledgers: host:port or unix:/path")
    package static let workerName = Setting(
        "SALE_WORKER_NAME", default: .described("host name"),
        "consumer name; keep it stable, so that after a restart the worker finds its own pending entries")
    package static let edgeCache = Setting(
        "SALE_EDGE_CACHE", default: .value("on"),
        "on: answer purchases of a sold-out sale from memory; off: always ask Redis")
    package static let logLevel = Setting("SALE_LOG_LEVEL", default: .value("info"), "debug, info, warning or error")

    /// The settings of all programs.
    private static let all: [Setting] = {
        let settings = [
            redisURL, redisPasswordFile, redisReplicas, durability, listen, jwksFile, jwtAudience, jwtIssuer,
            receiptKeyFile, rateLimit, deadline, drain, maxConnections, batchMax, database, opsListen, opsTokenFile,
            ledgerListen, workerName, edgeCache, logLevel,
        ]
        #if DEBUG
            return settings + [failpoint, plantedBug]
        #else
            return settings
        #endif
    }()

    /// What tests (SALE_TEST_SEED), script/fuzz and the containers' health check read.
    private static let namesOfOthers = ["SALE_TEST_", "SALE_FUZZ", "SALE_HEALTH_"]

    /// Whether a variable is named like a setting, and nobody reads it.
    static func isUnread(_ name: String) -> Bool {
        name.hasPrefix("SALE_") && !all.contains { $0.name == name }
            && !namesOfOthers.contains { name.hasPrefix($0) }
    }

    #if DEBUG
        // For tests only; not in a release build.
        package static let failpoint = Setting(
            "SALE_WORKER_FAILPOINT", default: .none, "the step at which the worker kills itself")
        package static let plantedBug = Setting(
            "SALE_PLANTED_BUG", default: .none, "the bug to plant (`PlantedBug`)")
    #endif

    /// The table that `--help` prints: for each setting a line with its default, and its meaning.
    package static func table(_ settings: [Setting]) -> String {
        settings.map { setting in
            let value =
                switch setting.default {
                case .value(let text), .described(let text): "default \(text)"
                case .none: "no default"
                }
            return "  \(setting.name)  (\(value))\n      \(setting.meaning.wrapped(indent: 6))"
        }.joined(separator: "\n")
    }
}
