import Checker
import OrderStore
import Reconciliation
import RedisClient
import Shared

extension Command {
    private static let logBytesMax = 4 << 30

    static let check = Command(
        "check", "ID --log FILE [--stock N] [--met FAULT[,FAULT…]] [--json]",
        "Proves from a stampede's log, SQLite and Redis that a sale kept every promise.",
        details: """
              --log FILE    what stampede --log has written
              --stock N     the units that you have put on sale, with every restock; otherwise SQLite's word counts
              --met FAULTS  the faults that the run must have met to prove anything:
                            \(Fault.allCases.map(\.rawValue).joined(separator: ", "))
              --json        as JSON

            \("Checks: \(Invariant.allCases.map(\.rawValue).joined(separator: ", ")).".wrapped(indent: 0))
            Run it once the worker has caught up. Exit code 0: all hold; 1: one does not, and its lines are named; 65:
            the run is invalid, because it did not meet a fault that it should have, or because no buyer was answered
            that it has won, or that the sale is sold out; or the log proves nothing, because it is empty, of another
            sale, or lacks lines, such as stampede's last one, which says how many attempts there were.
            """
    ) { line, context in
        let arguments = try Arguments(line, options: ["--log", "--stock", "--met"], flags: ["--json"], words: 1...1)
        let sale = try Arguments.sale(arguments.words[0])
        let stock = try arguments.integer("--stock", in: 1...Limits.stockMax)
        let faults = try faults(arguments.value("--met") ?? "")
        let path = try arguments.required("--log")
        let log = try runLog(path)
        if let other = log.sales.first(where: { $0 != "\(sale)" }) {
            throw CommandFailure("\(path) is of the sale \(other)", ExitCode.data)
        }
        guard !log.attempts.isEmpty else { throw CommandFailure("the log is empty: it proves nothing", ExitCode.data) }
        let found = try context.reader().stored(sale)
        let redis = try context.redis()
        guard let live = try RedisSale.read(sale, from: redis, beside: found) else {
            guard let found else { throw CommandFailure(.unknownSale, sale) }
            guard found.archivedAt != nil else { throw CommandFailure(lost: sale) }
            throw CommandFailure("\(sale) is archived: Redis has nothing of it to compare", ExitCode.noInput)
        }
        // If SQLite has never heard of the sale, whatever was confirmed is not stored: the verdict is red, not an
        // error.
        let stored = found ?? StoredSale(nothingOf: live.status)
        let rest = RedisRest(
            remaining: live.status.remaining, pending: try redis.unacknowledged(sale),
            differences: Comparison(sale, redis: live, sqlite: found).differences.map(\.description),
            now: try redis.time())
        let violations = Checker(attempts: log.attempts, stored: stored, rest: rest, stock: stock).violations
        let attempts = log.attempts.filter { !$0.isJoin }
        var missed = faults.filter { !$0.isMet(in: attempts) }.map(\.rawValue)
        if !log.attempts.contains(where: { $0.won && !$0.isJoin || $0.isSoldOut }) { missed.append("decision") }
        let times = AnswerTimes(attempts)
        let verdict = !violations.isEmpty ? "red" : missed.isEmpty ? "green" : "invalid"
        if arguments.has("--json") {
            Output.line(json(verdict, attempts.count, stored.orders.count, times, violations, missed))
        } else {
            Output.print([
                ("verdict", verdict), ("attempts", "\(attempts.count)"), ("orders", "\(stored.orders.count)"),
                ("slowest answer", "\(times.slowestAnswer / 1_000_000) ms"),
                ("longest silence", "\(times.longestSilence / 1_000_000) ms"), ("violations", "\(violations.count)"),
            ])
            Output.list(violations.map { "\($0)" })
            for name in missed { Output.line("  the run never met: \(name)") }
        }
        if !violations.isEmpty { return ExitCode.negative }
        return missed.isEmpty ? ExitCode.ok : ExitCode.data
    }

    private static func faults(_ text: String) throws -> [Fault] {
        try text.split(separator: ",").map { word in
            guard let fault = Fault(rawValue: String(word)) else {
                let known = Fault.allCases.map(\.rawValue).joined(separator: ", ")
                throw Arguments.UsageError("--met names \"\(word)\"; known are \(known)")
            }
            return fault
        }
    }

    static func runLog(_ path: String, number: Int = 0) throws -> RunLog {
        do {
            let bytes = try File.read(path, limit: logBytesMax)
            return try RunLog(bytes.span, number: number)
        } catch let error as FileError {
            throw CommandFailure(unreadable: path, error)
        } catch let error as RunLog.Malformed {
            throw CommandFailure("\(path): \(error)", ExitCode.data)
        }
    }

    private static func json(
        _ verdict: String, _ attempts: Int, _ orders: Int, _ times: AnswerTimes, _ violations: [Violation],
        _ missed: [String]
    ) -> String {
        ByteBuffer.json { text in
            text.appendMember("verdict", verdict)
            text.appendMember("attempts", attempts)
            text.appendMember("orders", orders)
            text.appendMember("slowest_answer_ms", times.slowestAnswer / 1_000_000)
            text.appendMember("longest_silence_ms", times.longestSilence / 1_000_000)
            text.appendMember("violations", objects: violations) { text, violation in
                text.appendMember("invariant", violation.invariant.rawValue)
                text.appendMember("message", violation.message)
                text.appendMember("line", violation.line)
            }
            text.appendMember("never_met", missed)
        }
    }
}

extension StoredSale {
    /// A sale that SQLite does not have.
    fileprivate init(nothingOf status: SaleStatus) {
        let record = SaleRecord(
            sale: status.sale, uuid: status.uuid, title: status.title, stockTotal: status.stockTotal,
            maxPerBuyer: status.maxPerBuyer, settings: status.settings, pseudonymKey: "", epoch: status.epoch,
            createdAt: UnixMilliseconds(0))
        self.init(record: record, sold: 0, persistedPosition: 0)
    }
}
