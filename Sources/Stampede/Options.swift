import Shared

/// What one run is asked to do.
struct Options {
    /// How the buyers come.
    enum Pace: Equatable {
        /// Each presses at a moment of its own, evenly spread over this many nanoseconds, whether or not the ones before
        /// have been answered.
        case open(overNanoseconds: Int)
        /// The next presses when one has been answered.
        case closed
    }

    struct Target: Equatable {
        let address: SocketAddress
        /// The Host field.
        let host: String
    }

    var targets: [Target]
    var sale: SaleID
    var buyers: Int
    var pace: Pace
    var connections: Int
    /// Buyers in a million who press again, with the same key, when they have been answered.
    var retryPerMillion: Int
    /// Client addresses to come from; 0: the system's choice.
    var sources: Int
    /// Nobody comes back who is told to.
    var once: Bool
    /// Connections that nobody uses stay open.
    var keepIdle: Bool
    var logPath: String?
    var json: Bool
    /// Buyers join the sale's waiting room, and press when their turn has come.
    var queue: Bool

    /// Positions and buyers are kept in 32 bits, names in eight digits.
    static let buyersMax = 10_000_000
    /// Closed loop: 128 presses under way, in which a batch of an API process gathers some dozens.
    private static let connectionsClosed = 128
    /// Open loop: 512 connections carry 50,000 presses a second at 10 ms each.
    private static let connectionsOpen = 512
    private static let connectionsMax = 60_000
    /// Addresses of 127.1.0.0/16 that `source(_:)` can name.
    private static let sourcesMax = 62_500

    static let help = """
        stampede: presses "Buy now" for many distinct buyers, and counts what they are told.

        usage: stampede --target URL … --sale ID [--buyers N] [--over DURATION | --connections N]
                        [--queue] [--retry-share S] [--once] [--keep-idle] [--sources N] [--log FILE]
                        [--json]

          --target URL        http://127.0.0.1:8101 or unix:/path; several share the load
          --sale ID           the sale
          --buyers N          distinct buyers, each with a token of its own (default 10000)
          --over DURATION     open loop: the presses are spread evenly over this time, whatever the answers do, and
                              latencies count from the moment a press was due
          --connections N     connections (default \(connectionsClosed), with --over \(connectionsOpen)); without --over
                              closed loop: as many presses are under way at once
          --queue             each buyer joins the sale's waiting room first, as --over or --connections say, waits for its
                              turn and up to a second more, and presses with its ticket; latencies count from there
          --retry-share S     share of buyers who press again with the same key when they have been answered (default 0)
          --once              a buyer who is told to come back does not: what a server turns away is seen as such
          --keep-idle         a connection that nobody has used for 5 s stays; without it, it is opened anew, as a server may
                              be about to close it
          --sources N         client addresses 127.1.0.1 …, so that limits per address are real
          --log FILE          every attempt as a JSON line: inv_ns, resp_ns, buyer, key, status, problem, position; a
                              join has "kind":"join" in front
          --json              the report as JSON

        A buyer who is told to come back (202, 429, 503, not open, paused), or who hears nothing for 3 s, presses again
        with the same key, for up to 30 s; with --once, only who hears nothing. Tokens are signed with SALE_JWT_JWKS_FILE,
        and connections made, before the first press.

        Report: buyers; secured: distinct orders; sold_out; errors: buyers without a final answer of either; duplicates:
        keys or positions seen with two orders; p50_ms p99_ms p999_ms max_ms: from a buyer's first press to its final
        answer; decisions_per_second: buyers / (last answer - first press); shed: refused with 503 under --once, and not
        counted as errors; goodput_per_second: secured and sold_out within 3 s of the press / the same time; client_us:
        CPU microseconds of this client per buyer, signing not counted.

        Exit codes: 0, 1 where errors or duplicates are not 0, 64 usage, 71 a system call failed, or too few descriptors are
        allowed, 73 the log can't be written, 78 a setting is wrong.
        """

    init(_ line: [String]) throws(Arguments.UsageError) {
        let arguments = try Arguments(
            line,
            options: [
                "--target", "--sale", "--buyers", "--over", "--connections", "--retry-share", "--sources", "--log",
            ], flags: ["--queue", "--once", "--keep-idle", "--json"])
        targets = []
        for url in arguments.all("--target") { targets.append(try Self.target(url)) }
        guard !targets.isEmpty else { throw Arguments.UsageError("--target is missing") }
        sale = try Arguments.sale(arguments.required("--sale"))
        buyers = try arguments.integer("--buyers", in: 1...Self.buyersMax) ?? 10_000
        if let over = try arguments.duration("--over") {
            pace = .open(overNanoseconds: over * 1_000_000)
        } else {
            pace = .closed
        }
        connections =
            try arguments.integer("--connections", in: 1...Self.connectionsMax)
            ?? (pace == .closed ? Self.connectionsClosed : Self.connectionsOpen)
        let share = try arguments.value("--retry-share") ?? "0"
        guard let value = Double(share), (0...1).contains(value) else {
            throw Arguments.UsageError("--retry-share must be a number from 0 to 1")
        }
        retryPerMillion = Int(value * 1_000_000)
        sources = try arguments.integer("--sources", in: 1...Self.sourcesMax) ?? 0
        logPath = try arguments.value("--log")
        once = arguments.has("--once")
        keepIdle = arguments.has("--keep-idle")
        json = arguments.has("--json")
        queue = arguments.has("--queue")
    }

    private static func target(_ url: String) throws(Arguments.UsageError) -> Target {
        let problem = Arguments.UsageError(
            "--target is \"\(url)\"; it must be like http://127.0.0.1:8101 or unix:/run/sale-api.sock")
        if url.hasPrefix("unix:") {
            guard let address = SocketAddress(url) else { throw problem }
            return Target(address: address, host: "localhost")
        }
        guard url.hasPrefix("http://") else { throw problem }
        var authority = String(url.dropFirst(7))
        if authority.hasSuffix("/") { authority.removeLast() }
        let hasPort = authority.hasPrefix("[") ? authority.contains("]:") : authority.contains(":")
        guard let address = SocketAddress(hasPort ? authority : "\(authority):80"),
            address.withSockaddr({ _, _ in true }) == true
        else { throw problem }
        return Target(address: address, host: authority)
    }
}
