/// One of salectl's commands.
struct Command: Sendable {
    /// One word, or two: `keys init`.
    let name: String
    /// What follows the name, for help.
    let synopsis: String
    /// One line, for the list of all commands.
    let summary: String
    /// Options and examples, for the command's own help; "" if the synopsis is enough.
    let details: String
    /// Runs the command; returns the exit code.
    let run: @Sendable (_ line: [String], _ context: Context) throws -> Int32

    init(
        _ name: String, _ synopsis: String, _ summary: String, details: String = "",
        run: @escaping @Sendable (_ line: [String], _ context: Context) throws -> Int32
    ) {
        self.name = name
        self.synopsis = synopsis
        self.summary = summary
        self.details = details
        self.run = run
    }

    /// Every command, in the order of a sale's life.
    static let all: [Command] = [
        .plan, .keysInit, .rotateReceipt, .token, .doctor,
        .create, .list, .show, .watch,
        .restock, .set, .pause, .resume, .admit, .close,
        .reconcile, .rebuild, .release, .failover,
        .letters, .letter, .redrive, .discard,
        .trace, .check, .fairness, .ledgerExport, .ledgerVerify,
        .export, .archive, .erase, .backup, .restore,
    ]
}
