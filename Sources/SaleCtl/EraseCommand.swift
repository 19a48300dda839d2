import Operations
import Shared

extension Command {
    static let erase = Command(
        "erase", "ID BUYER --reason TEXT [--json]", "Forgets who a buyer of an ended sale was.",
        details: """
              --reason TEXT   why, without the buyer's name: it is kept on the audit
              --json          as JSON

            The buyer's orders keep their position, quantity and entry of the ledger; the buyer becomes erased:PSEUDONYM, and
            key and trace go, in SQLite and in Redis, dead letters included. Redis and SQLite stay equal, and the ledger
            stays verifiable. Refused until the sale has ended. Where it is interrupted, run it again: that is done as
            often as it is asked for. Logs, backups and Redis' append-only file keep what they have until they are rotated or
            rewritten (BGREWRITEAOF).
            """
    ) { line, context in
        let arguments = try Arguments(line, options: ["--reason"], flags: ["--json"], words: 2...2)
        let (sale, buyer) = (try Arguments.sale(arguments.words[0]), arguments.words[1])
        guard BuyerName.isValid(buyer) else {
            throw Arguments.UsageError("BUYER must be printable ASCII without space, 1 to 128 bytes")
        }
        let operation = Operation.erase(sale: sale, buyer: buyer, reason: try arguments.reason())
        let result = try Performer(context).perform(operation)
        try context.confirm(context.redis())
        Output.line(arguments.has("--json") ? result : "\(sale) has forgotten this buyer: \(result)")
        return ExitCode.ok
    }
}
