import OrderStore
import Reconciliation
import RedisClient
import Shared

extension Command {
    static let reconcile = Command(
        "reconcile", "ID [--json]", "Compares Redis and SQLite; changes nothing.",
        details: """
            Compares every order, the units left, the last position and the sale's identity. Exit code 0: they agree; 1:
            they differ, and each difference is named. What the worker has not stored yet differs, too; if it is all
            that does, the last line says so: run it again a moment later. An archived sale is in SQLite alone, as it
            should be.

              --json   as JSON, with `lines`: every position, as each side has it
            """
    ) { line, context in
        let arguments = try Arguments(line, options: [], flags: ["--json"], words: 1...1)
        let sale = try Arguments.sale(arguments.words[0])
        let redis = try context.redis()
        // SQLite first: it follows Redis, so Redis must have had what SQLite has.
        let stored = try context.existingReader()?.stored(sale)
        let live = try RedisSale.read(sale, from: redis, beside: stored)
        guard live != nil || stored != nil else { throw CommandFailure(nowhere: sale) }
        let comparison = Comparison(sale, redis: live, sqlite: stored)
        let isOnlyBacklog = !comparison.isEqual && Comparison.isEqual(afterBacklogOf: live, stored)
        let archivedAt = live == nil ? stored?.archivedAt : nil
        if arguments.has("--json") {
            Output.line(json(comparison, isOnlyBacklog: isOnlyBacklog, archivedAt: archivedAt))
        } else {
            Output.print(
                [("sale", "\(sale)"), ("equal", comparison.isEqual ? "yes" : "no")] + comparison.figures.lines
                    + [("differences", "\(comparison.differences.count)")])
            if let archivedAt { Output.line("archived at \(archivedAt.rfc3339): only SQLite has it") }
            Output.list(comparison.differences.map(\.description))
            if stored == nil {
                Output.line("start the worker if none runs: it stores the sale; if one does, this is not its database")
            }
            if isOnlyBacklog {
                Output.line("only the worker's backlog differs: run it again once the worker has stored that")
            }
        }
        return comparison.isEqual ? ExitCode.ok : ExitCode.negative
    }

    private static func json(_ comparison: Comparison, isOnlyBacklog: Bool, archivedAt: UnixMilliseconds?) -> String {
        ByteBuffer.json { text in
            text.appendMember("sale", comparison.sale)
            text.appendMember("equal", comparison.isEqual)
            text.appendMember("only_backlog", isOnlyBacklog)
            text.appendMember("archived_at", time: archivedAt)
            comparison.figures.append(to: &text)
            text.appendMember("differences", comparison.differences.map(\.description))
            text.appendMember("lines", objects: comparison.union.map { Array($0.lines) } ?? []) { text, line in
                text.appendMember("position", line.position)
                text.appendMember("redis", object: line.win, append)
                text.appendMember("sqlite", object: line.order, append)
                text.appendMember("dead_letter", line.letter != nil)
            }
        }
    }

    private static func append(to text: inout ByteBuffer, _ side: Order) {
        text.appendMember("buyer", side.buyer)
        text.appendMember("key", side.key)
        text.appendMember("quantity", side.quantity)
        text.appendMember("secured_at", time: side.securedAt)
        text.appendMember("epoch", side.epoch)
    }
}

extension Comparison {
    /// The counts of both reports.
    fileprivate var figures: Figures {
        [
            "orders": .number(orders), "units": .number(units), "dead_letters": .number(deadLetters),
            "withheld": .number(withheld),
        ]
    }
}
