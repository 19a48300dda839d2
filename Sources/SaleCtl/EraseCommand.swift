import Operations
import Shared

extension Command {
    static let erase = Command(
        "erase", "ID BUYER --reason TEXT [--json]", "Erases the name of a buyer of an ended sale.",
        details: """
              --reason TEXT   why, without the buyer's name: it is kept in the audit
              --json          as JSON

            The buyer's orders keep their position, quantity and ledger entry. The buyer becomes erased:PSEUDONYM, and
            key and trace are deleted, in SQLite and in Redis, dead letters included. Redis and SQLite stay equal, and
            the ledger still verifies. Refused until the sale has ended. If it is interrupted, run it again: it may be
            run any number of times. Logs and backups keep what they have until they are rotated, and Redis keeps the
            bytes of deleted entries, in its append-only file, too, until the sale is archived and then the file
            rewritten (BGREWRITEAOF).
            """
    ) { line, context in
        let arguments = try Arguments(line, options: ["--reason"], flags: ["--json"], words: 2...2)
        let (sale, buyer) = (try Arguments.sale(arguments.words[0]), arguments.words[1])
        guard BuyerName.isValid(buyer) else {
            throw Arguments.UsageError("BUYER must be printable ASCII without space, 1 to 128 bytes")
        }
        let operation = Operation.erase(sale: sale, buyer: buyer, reason: try arguments.reason())
        // Before the worker changes anything: a wrong setting ends the command here.
        let redis = try context.redis()
        let result = try Performer(context).perform(operation)
        try context.confirm(redis)
        guard let erasure = result.withBytes({ ErasureResult(parsing: $0) }) else {
            throw CommandFailure("the worker's answer can't be read: \(result)", ExitCode.unavailable)
        }
        if arguments.has("--json") {
            Output.json { text in
                text.appendMember("sale", sale)
                erasure.figures.append(to: &text)
            }
        } else {
            Output.print([("sale", "\(sale)")] + erasure.figures.lines)
        }
        return ExitCode.ok
    }
}
