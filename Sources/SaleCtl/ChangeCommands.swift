import RedisClient
import Shared

extension Command {
    static let restock = Command(
        "restock", "ID N [--json]", "Puts N more units on sale; before the sale opens, N may be negative.",
        details: """
            A sold-out sale sells again. Stock, total and the event from which SQLite learns of the change are written
            in one step. Once a sale has opened, its stock can only grow; before that, it can't shrink below what is
            sold. Refused if the sale has ended, or is fenced or archived. Not idempotent: if the reply is lost, check
            `salectl show ID` before retrying.

              --json   print the sale as JSON

            Example: salectl restock thursday 500; before it opens also salectl restock thursday -20
            """
    ) { line, context in
        let arguments = try Arguments(line, options: [], flags: ["--json"], words: 2...2)
        let sale = try Arguments.sale(arguments.words[0])
        guard let units = Int(arguments.words[1]), units != 0, units.magnitude <= Limits.stockMax else {
            throw Arguments.UsageError(
                "\"\(arguments.words[1])\" is no number of units: up to \(Limits.stockMax), and not 0")
        }
        let redis = try context.redis()
        switch try context.change(sale, { () throws(RedisError) in try redis.restock(sale, units: units) }) {
        case .failure(.outOfRange):
            throw CommandFailure("a sale has at most \(Limits.stockMax) units", ExitCode.cantCreate)
        case .failure(let refusal): throw context.failure(refusal, sale)
        case .success((let total, let remaining)):
            let report = try context.changed(sale, on: redis)
            let text = (["\(total) units", "\(remaining) left"] + report.status.pauses.map(\.label))
                .joined(separator: ", ")
            Output.line(arguments.has("--json") ? report.json : "\(sale) has \(text)")
            return ExitCode.ok
        }
    }

    static let set = Command(
        "set", "ID [--title T] [--opens-at TIME] [--closes-at TIME] [--stock N] [--json]",
        "Changes a sale's title and times and, before it opens, its stock.",
        details: """
              --title T          one line of up to \(Limits.titleBytesMax) bytes
              --opens-at TIME    only before the sale has opened
              --closes-at TIME   later than now and than the opening; `salectl close ID` ends a sale now
              --stock N          units in all, only before the sale has opened; afterwards there is `salectl restock`
              --json             print the sale as JSON

            Times are written as for `salectl create`, with the same bounds. All changes are made in one step, or none.
            """
    ) { line, context in
        let arguments = try Arguments(
            line, options: ["--title", "--opens-at", "--closes-at", "--stock"], flags: ["--json"], words: 1...1)
        let sale = try Arguments.sale(arguments.words[0])
        let title = try arguments.title()
        let opensAt = try TimeArgument(arguments, "--opens-at", now: .now)
        let closesAt = try TimeArgument(arguments, "--closes-at", now: .now)
        let stock = try arguments.integer("--stock", in: 1...Limits.stockMax)
        let redis = try context.redis()
        let now = try redis.time()
        let change = SaleChange(
            title: title, opensAt: opensAt?.resolved(now), closesAt: closesAt?.resolved(now), stock: stock)
        guard change != SaleChange() else { throw Arguments.UsageError("there is nothing to change") }
        let refusal = try context.change(sale) { () throws(RedisError) in try redis.set(sale, change) }
        if refusal == .outOfRange {
            throw CommandFailure("\(sale) must close later than now, and than it opens", ExitCode.cantCreate)
        }
        try context.changed(sale, on: redis, unless: refusal).print(json: arguments.has("--json"))
        return ExitCode.ok
    }
}
