import Glibc
import Shared

/// The options of one run.
struct Options {
    /// How the buyers arrive.
    enum Pace: Equatable {
        /// Open loop: presses are spread evenly over this many nanoseconds, whether or not earlier ones have been
        /// answered.
        case open(overNanoseconds: Int)
        /// Closed loop: the next buyer presses when one has been answered.
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
    /// Buyers in a million who press again, with the same key, after their answer.
    var retryPerMillion: Int
    /// Number of client addresses; 0: the system chooses one.
    var sources: Int
    /// Buyers who are told to come back don't.
    var once: Bool
    /// Unused connections stay open.
    var keepIdle: Bool
    var logPath: String?
    var json: Bool
    /// Buyers join the sale's waiting room, and press when their turn comes.
    var queue: Bool

    /// Positions and buyers fit in 32 bits, names in eight digits.
    static let buyersMax = 10_000_000
    /// Closed loop: 128 presses in flight, of which a batch of an API process gathers some dozens.
    private static let connectionsClosed = 128
    /// Open loop: 512 connections carry 50,000 presses a second of 10 ms each.
    private static let connectionsOpen = 512
    private static let connectionsMax = 60_000
    /// Addresses in 127.1.0.0/16 that `source(_:)` can return.
    private static let sourcesMax = 62_500

    static let help = """
        stampede: presses "Buy now" for many distinct buyers, and counts their answers.

        usage: stampede --target URL … --sale ID [--buyers N] [--over DURATION | --connections N]
                        [--queue] [--retry-share S] [--once] [--keep-idle] [--sources N] [--log FILE]
                        [--json]

          --target URL        http://127.0.0.1:8101 or unix:/path; several share the load
          --sale ID           the sale
          --buyers N          distinct buyers, each with its own token (default 10000)
          --over DURATION     open loop: spread the presses evenly over this time, independent of the answers;
                              latencies count from the moment a press was due
          --connections N     connections (default \(connectionsClosed), with --over \(connectionsOpen)); without
                              --over a closed loop with this many presses in flight
          --queue             each buyer first joins the sale's waiting room, paced by --over or --connections,
                              waits for its turn and up to a second more, and presses with its ticket;
                              latencies count from there
          --retry-share S     share of buyers who press again with the same key after their answer (default 0):
                              at once, with --over some time before the last buyer's first press
          --once              buyers who are told to come back don't: shows what a server turns away
          --keep-idle         keep connections that nobody has used for 5 s; by default they are reopened, as
                              a server may be about to close them
          --sources N         connect from N client addresses, 127.1.0.1 …, so that limits per address apply
          --log FILE          write every attempt as a JSON line: due_ns (inv_ns is later if all connections
                              were busy), inv_ns, resp_ns, buyer, key, status, problem, position; a join starts
                              with "kind":"join"; the last line, with "kind":"end", says how many there were;
                              an earlier FILE is replaced when the first buyer presses
          --json              print the report as JSON

        A buyer who is told to come back (202, 429, 503, not open, paused) or who hears nothing for 3 s presses
        again with the same key, for up to 30 s; with --once, only a buyer who hears nothing. Before the first
        press, tokens are signed with SALE_JWT_JWKS_FILE and connections are opened.

        Report: buyers; secured: distinct orders; sold_out; errors: buyers with neither as their final answer,
        or with both (nothing is wrong then if a restock came in between), by kind on stderr; duplicates: keys with
        two orders, or orders with two keys; p50_ms p99_ms p999_ms max_ms: from a buyer's first press to its first
        final answer, waits to come back included, of all buyers but those shed: an error counts from the press to
        the refusal, or to when the buyer gave up; decisions_per_second: buyers who are secured or sold out / (last
        first final answer - first press); shed: refused with 503 under --once, counted neither as errors nor in the
        latencies; goodput_per_second: secured and sold out within 3 s of the press / the same time; client_us: CPU
        microseconds of this client per buyer, without signing; attempts: presses and joins in all; lost: those whose
        connection was lost, or silent for 3 s; malformed: answers that are not HTTP, or that nobody has asked for.

        On SIGINT or SIGTERM nobody presses any more; those in flight are awaited, the log is ended, and the report
        printed, in which buyers without a final answer are errors without a latency. A second signal ends it at once.

        Exit codes: 0 success, 1 errors, duplicates or malformed are not 0, 64 usage, 71 no connection can be made at
        the start, too few descriptors are allowed or a system call failed, 73 the log can't be written, 74 the report
        can't, 78 a setting is wrong, 130 interrupted.
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
        guard sources == 0 || targets.allSatisfy({ $0.address.family == AF_INET }) else {
            throw Arguments.UsageError("--sources needs IPv4 targets, such as http://127.0.0.1:8101")
        }
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
