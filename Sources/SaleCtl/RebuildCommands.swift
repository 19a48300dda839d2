import Glibc
import OrderStore
import Reconciliation
import RedisClient
import Shared

extension Command {
    static let rebuild = Command(
        "rebuild", "ID [--dry-run] [--json]", "Completes a Redis that has lost orders from SQLite, by hand.",
        details: """
              --dry-run   only say what would be done
              --json      as JSON

            The worker does this by itself; this command is for when none runs, because it needs the database's lock.
            It takes three seconds: the API processes say first up to which position they have confirmed orders, in case
            neither store has them. The orders are the union of both stores, never fewer. If the two contradict each
            other, the sale stays fenced (exit code 1). Exit code 75: a worker or another salectl holds the lock, or a
            worker stores these orders in another database, or the stream has entries that are not stored yet.
            """
    ) { line, context in
        let arguments = try Arguments(line, options: [], flags: ["--dry-run", "--json"], words: 1...1)
        let sale = try Arguments.sale(arguments.words[0])
        let redis = try context.redis()
        if arguments.has("--dry-run") {
            return try plan(sale, context, redis, json: arguments.has("--json"))
        }
        let path = try context.database()
        guard let lock = try context.lock(path) else {
            throw CommandFailure(
                "\(path).lock is held by a worker, which does this by itself (see its log), or by another salectl",
                ExitCode.temporaryFailure)
        }
        if try redis.isServed(sale) {
            report(.served, [], json: arguments.has("--json"))
            return ExitCode.ok
        }
        let store = try OrderStore(path: path, lock: lock)
        let last = try store.lastStreamID(sale)
        try requireAll(of: sale, storedUpTo: last, redis)
        guard last != nil else { throw CommandFailure(notStored: sale) }
        let lease = try context.lease(lock)
        let reconciler = Reconciler(redis: redis, store: store)
        Output.error("salectl: waiting until every sale-api can have said what it has confirmed")
        usleep(UInt32(Reconciler.witnessMilliseconds) * 1000)
        var attempts: [(outcome: Reconciler.Outcome, losses: [StoredSale.Loss])] = []
        // At the end: output that can't be written ends the program, and must not do so before the fence is lifted.
        defer { for (outcome, losses) in attempts { report(outcome, losses, json: arguments.has("--json")) } }
        // One attempt completes it, the next one lifts the fence.
        for _ in 0..<3 {
            var losses: [StoredSale.Loss] = []
            let outcome: Reconciler.Outcome
            do {
                outcome = try lease.hold(on: redis) { try reconciler.reconcile(sale) { losses.append($0) } }
            } catch {
                // They are recorded: the next rebuild does not find them again.
                for (name, value) in losses.lines { Output.error("salectl: \(name): \(value)") }
                throw error
            }
            attempts.append((outcome, losses))
            switch outcome {
            case .served, .lifted: return ExitCode.ok
            case .kept: return ExitCode.negative
            case .completed(let plan, _) where !plan.events.isEmpty:
                Output.error("salectl: start the worker, which stores the appended orders and lifts the fence")
                return ExitCode.ok
            case .completed, .changed: continue
            }
        }
        return ExitCode.temporaryFailure
    }

    /// Ends the command if the stream has entries that this database has not stored, even acknowledged ones: the
    /// database may be a backup from before them, and would undo what they changed.
    private static func requireAll(of sale: SaleID, storedUpTo last: StreamID?, _ redis: BlockingRedis) throws {
        var isBehind = try redis.unacknowledged(sale) > 0
        if let last, let id = try redis.lastEntryID(of: sale), last < StreamID(id) { isBehind = true }
        guard !isBehind else {
            throw CommandFailure(
                "entries of the stream are not stored yet: start the worker, which stores them and then does this",
                ExitCode.temporaryFailure)
        }
    }

    private static func plan(_ sale: SaleID, _ context: Context, _ redis: BlockingRedis, json: Bool) throws -> Int32 {
        let stored = try context.existingReader()?.stored(sale)
        if try !redis.isServed(sale) {
            try requireAll(of: sale, storedUpTo: stored?.lastStreamID, redis)
            guard stored != nil else { throw CommandFailure(notStored: sale) }
        }
        let diagnosis = try Reconciler.diagnose(sale, on: redis, stored: stored)
        report(diagnosis.outcome, diagnosis.losses, json: json)
        return switch diagnosis.outcome {
        case .served, .lifted, .completed: ExitCode.ok
        case .kept: ExitCode.negative
        case .changed: ExitCode.temporaryFailure
        }
    }

    private static func report(_ outcome: Reconciler.Outcome, _ losses: [StoredSale.Loss], json: Bool) {
        let figures: Figures
        var reasons: [String] = []
        switch outcome {
        case .served: figures = ["outcome": .text("served")]
        case .lifted(let orders): figures = ["outcome": .text("equal"), "orders": .number(orders)]
        case .changed: figures = ["outcome": .text("changed")]
        case .kept(let sentences):
            figures = ["outcome": .text("fenced")]
            reasons = sentences
        case .completed(let plan, let epoch):
            figures = [
                "outcome": .text("completed"), "epoch": .number(epoch),
                "buyers_restored": .number(plan.fields.count), "orders_appended": .number(plan.events.count),
                "units_left": .number(plan.remaining), "position": .number(plan.position),
                "units_withheld": .number(plan.withheld),
            ]
            reasons = plan.differences.map(\.description)
        }
        guard json else {
            Output.print(figures.lines + losses.lines)
            for reason in reasons { Output.line("  \(reason)") }
            return
        }
        Output.json { text in
            figures.append(to: &text)
            text.appendMember("differences", reasons)
            losses.append(to: &text)
        }
    }

    static let release = Command(
        "release", "ID [--json]", "Puts units back on sale that were withheld for lost orders.",
        details: """
            If Redis and SQLite have both lost their newest orders, the positions that were confirmed to buyers are
            recorded as lost, and as many units are withheld. Release them once you have decided what to do about those
            buyers.
            """
    ) { line, context in
        let arguments = try Arguments(line, options: [], flags: ["--json"], words: 1...1)
        let sale = try Arguments.sale(arguments.words[0])
        let redis = try context.redis()
        switch try context.change(sale, { () throws(RedisError) in try redis.release(sale) }) {
        case .failure(.unknownSale): throw context.failure(.unknownSale, sale)
        case .failure(.fencedOrArchived):
            throw CommandFailure("\(sale) is fenced, or being archived: nothing is released", ExitCode.unavailable)
        case .success(let units):
            try context.confirm(redis)
            Output.line(arguments.has("--json") ? "{\"released\":\(units)}" : "released \(units)")
            return ExitCode.ok
        }
    }
}
