import Glibc
import Operations
import OrderStore
import Shared

/// Deciding about dead letters.
extension Command {
    private static let lettersPerSecondMax = 100_000

    static let redrive = resolve(
        "redrive", "Tries to store dead letters once more, as if the stream delivered them again.",
        """
        If an order is stored now, or was already, it says so and closes the letter; a letter that fails again stays
        open. Exit code 0: none failed again; 1: one did. A letter that crashes the worker (reason crashes_worker) may
        also crash the process that redrives it; then nothing is stored.
        """
    ) { .redrive($0) }

    static let discard = resolve(
        "discard", "Decides that dead letters will never be stored.",
        """
        An order among them becomes void, and the public ledger records that; its units stay sold until a restock.
        """
    ) { .discard($0) }

    private static func resolve(
        _ name: String, _ summary: String, _ details: String,
        _ operation: @escaping @Sendable (Operation.DeadLetters) -> Operation
    ) -> Command {
        Command(
            "dlq \(name)",
            "ID (STREAM_ID… | --all) --reason TEXT [--filter F]… [--limit N] [--rate N/s] [--dry-run] [--json]",
            summary,
            details: """
                  --all           all open letters of the sale that the filters select
                  --reason TEXT   why; kept in the audit with each letter
                  --filter F      \(LetterFilter.help)
                  --limit N       only the first N, in the order of the stream
                  --rate N/s      at most N per second
                  --dry-run       only say what would happen
                  --json          as JSON

                \(details)
                While no worker runs, salectl does this itself; otherwise it asks the worker to (SALE_OPS_LISTEN,
                SALE_OPS_TOKEN_FILE).
                """
        ) { line, context in
            let arguments = try Arguments(
                line, options: ["--reason", "--filter", "--limit", "--rate"], flags: ["--all", "--dry-run", "--json"],
                words: 1...Int.max)
            let sale = try Arguments.sale(arguments.words[0])
            let reason = try arguments.reason()
            let rate = try arguments.value("--rate").map { try Arguments.rate("--rate", $0, upTo: lettersPerSecondMax) }
            let letters = try chosen(arguments, sale, context)
            let performer = letters.isEmpty ? nil : try Performer(context)
            var results: [DeadLetterResult] = []
            do {
                for chunk in LetterChunks(letters, rate: rate) {
                    if let pause = chunk.pauseMilliseconds { usleep(UInt32(pause) * 1000) }
                    let body = operation(
                        .init(sale: sale, ids: chunk.ids, reason: reason, isRehearsal: arguments.has("--dry-run")))
                    guard let answer = try performer?.perform(body).withBytes({ DeadLetterResults(parsing: $0) }) else {
                        throw CommandFailure("the worker's answer can't be read", ExitCode.unavailable)
                    }
                    results += answer.results
                }
            } catch {
                guard !results.isEmpty else { throw error }
                // What is done stays done, and is reported.
                print(results, arguments)
                let failure = CommandFailure(error)
                throw CommandFailure(
                    "after \(results.count) of \(counted(letters.count, "letter")): \(failure.message)", failure.code)
            }
            print(results, arguments)
            return results.contains { $0.outcome == .failedAgain } ? ExitCode.negative : ExitCode.ok
        }
    }

    /// The ids that were named, or with --all those of all open letters.
    private static func chosen(_ arguments: Arguments, _ sale: SaleID, _ context: Context) throws -> [String] {
        let named = arguments.words.dropFirst()
        guard arguments.has("--all") != !named.isEmpty else {
            throw Arguments.UsageError("name the letters, or say --all")
        }
        if named.isEmpty { return try select(arguments, sale, context, adding: ["open"]).map(\.streamID) }
        let known = Set(try select(arguments, sale, context).map(\.streamID))
        for id in named where !known.contains(id) {
            throw CommandFailure("\(sale) has no dead letter \(id), or the filters leave it out", ExitCode.noInput)
        }
        return Array(named)
    }

    private static func print(_ results: [DeadLetterResult], _ arguments: Arguments) {
        let sums = DeadLetterResult.Outcome.allCases.map { outcome in
            (outcome, results.count { $0.outcome == outcome })
        }
        if arguments.has("--json") {
            return Output.json { text in
                text.appendMember("dry_run", arguments.has("--dry-run"))
                text.appendMember("letters", results.count)
                for (outcome, count) in sums {
                    text.append(",")
                    text.append(json: outcome.rawValue)
                    text.append(":")
                    text.append(decimal: count)
                }
                text.appendMember("results", objects: results) { $1.append(to: &$0) }
            }
        }
        Output.print(
            table: results.map { [$0.id, $0.outcome.rawValue, EscapedText.of(Array($0.message.utf8))] },
            headings: ["LETTER", "OUTCOME", "MESSAGE"])
        let words = sums.filter { $0.1 > 0 }.map { "\($0.0.rawValue) \($0.1)" }
        let prefix = arguments.has("--dry-run") ? "dry run, nothing is changed: " : ""
        Output.line("\(prefix)\(counted(results.count, "letter"))\(words.map { ", \($0)" }.joined())")
    }
}

/// Splits letters into operations of a bounded size, at a bounded rate.
struct LetterChunks: Sequence, IteratorProtocol {
    struct Chunk: Equatable {
        var ids: [String]
        /// How long to wait before it.
        var pauseMilliseconds: Int?
    }

    private let ids: [String]
    private let rate: Int?
    private let size: Int
    private var start = 0

    init(_ ids: [String], rate: Int?) {
        self.ids = ids
        self.rate = rate
        // Ten chunks a second, so that the worker does its own work in between.
        size = Swift.min(Operation.DeadLetters.idsMax, Swift.max(1, (rate ?? Int.max) / 10))
    }

    mutating func next() -> Chunk? {
        guard start < ids.count else { return nil }
        let chunk = Array(ids[start..<Swift.min(start + size, ids.count)])
        let pause = start == 0 ? nil : rate.map { size * 1000 / $0 }
        start += chunk.count
        return Chunk(ids: chunk, pauseMilliseconds: pause)
    }
}

extension Arguments {
    /// The reason, which every change requires.
    func reason() throws(UsageError) -> String {
        let text = try required("--reason")
        guard !text.isEmpty, text.utf8.count <= Operation.reasonBytesMax else {
            throw UsageError("--reason must have 1 to \(Operation.reasonBytesMax) bytes")
        }
        return text
    }
}
