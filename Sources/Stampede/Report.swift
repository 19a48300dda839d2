import EventLoop
import Shared

/// The figures of a run.
struct Report: Equatable {
    var buyers = 0
    /// Distinct orders.
    var secured = 0
    var soldOut = 0
    /// Buyers without a final secured or sold-out answer, or with both, not counting those that were shed.
    var errors = 0
    var duplicates = 0
    var p50Milliseconds = 0.0
    var p99Milliseconds = 0.0
    var p999Milliseconds = 0.0
    var maxMilliseconds = 0.0
    var decisionsPerSecond = 0.0
    /// Buyers who were refused with 503 and did not come back; only with `--once`.
    var shed = 0
    /// Buyers per second who heard secured or sold out within 3 s.
    var goodputPerSecond = 0.0
    /// CPU of this client per buyer.
    var clientMicroseconds = 0.0
    var attempts = Attempts()

    /// Whether every buyer got one answer, and nobody a wrong one.
    var isRight: Bool { errors == 0 && duplicates == 0 && attempts.malformed == 0 }

    /// - Parameters:
    ///   - start: when the first press was due.
    ///   - cpuMicroseconds: CPU time of the client since then.
    init(_ run: Buyers, start: Instant, attempts: Attempts = Attempts(), cpuMicroseconds: Int = 0) {
        buyers = run.count
        secured = run.orders
        var decided = 0
        var inTime = 0
        var latencies: [UInt64] = []
        latencies.reserveCapacity(run.count)
        for (outcome, latency) in zip(run.outcomes, run.latencies) {
            switch outcome {
            case .secured: break
            case .soldOut: soldOut += 1
            case .shed: shed += 1
            case .failed, .none: errors += 1
            }
            if outcome == .secured || outcome == .soldOut {
                decided += 1
                if latency <= Self.promisedNanoseconds { inTime += 1 }
            }
            // A refusal takes no time, and would hide how long the others had to wait. So would buyers who were never
            // answered, as the run was interrupted.
            if outcome != .shed, outcome != .none { latencies.append(latency) }
        }
        duplicates = run.duplicates
        self.attempts = attempts
        latencies.sort()
        p50Milliseconds = Self.percentile(latencies, 0.5)
        p99Milliseconds = Self.percentile(latencies, 0.99)
        p999Milliseconds = Self.percentile(latencies, 0.999)
        maxMilliseconds = Self.percentile(latencies, 1)
        let nanoseconds = run.lastAnswer > start.nanoseconds ? run.lastAnswer - start.nanoseconds : 1
        decisionsPerSecond = Double(decided) * 1e9 / Double(nanoseconds)
        goodputPerSecond = Double(inTime) * 1e9 / Double(nanoseconds)
        clientMicroseconds = Double(cpuMicroseconds) / Double(run.count)
    }

    private static let promisedNanoseconds = UInt64(Stampede.answerMilliseconds) * 1_000_000

    /// The smallest value that at least `share` of the values do not exceed, in milliseconds.
    static func percentile(_ sorted: [UInt64], _ share: Double) -> Double {
        guard !sorted.isEmpty else { return 0 }
        let rank = max(1, Int((Double(sorted.count) * share).rounded(.up)))
        return Double(sorted[rank - 1]) / 1e6
    }

    /// Names and values in the report's order.
    private var members: [(name: StaticString, value: String)] {
        [
            ("buyers", "\(buyers)"), ("secured", "\(secured)"), ("sold_out", "\(soldOut)"), ("errors", "\(errors)"),
            ("duplicates", "\(duplicates)"), ("p50_ms", Self.decimal(p50Milliseconds)),
            ("p99_ms", Self.decimal(p99Milliseconds)), ("p999_ms", Self.decimal(p999Milliseconds)),
            ("max_ms", Self.decimal(maxMilliseconds)), ("decisions_per_second", "\(Int(decisionsPerSecond))"),
            ("shed", "\(shed)"), ("goodput_per_second", "\(Int(goodputPerSecond))"),
            ("client_us", Self.decimal(clientMicroseconds)), ("attempts", "\(attempts.sent)"),
            ("lost", "\(attempts.lost)"), ("malformed", "\(attempts.malformed)"),
        ]
    }

    var text: String { members.map { "\($0.name) \($0.value)" }.joined(separator: "\n") }

    var json: String {
        "{" + members.map { "\"\($0.name)\":\($0.value)" }.joined(separator: ",") + "}"
    }

    /// With two decimals.
    private static func decimal(_ value: Double) -> String {
        let hundredths = Int((value * 100).rounded())
        let fraction = hundredths % 100
        return "\(hundredths / 100).\(fraction < 10 ? "0" : "")\(fraction)"
    }
}
