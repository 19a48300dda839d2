import OrderStore
import RedisClient
import Shared

/// One of salectl's commands.
struct Command: Sendable {
    /// One word, or two: `keys init`.
    let name: String
    /// What follows the name, for help.
    let synopsis: String
    /// One line, for the list of all commands.
    let summary: String
    /// Options and examples, for the command's own help; "" where the synopsis says it all.
    let details: String
    /// Does it; answers the exit code.
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
        .plan,
        .keysInit, .rotateReceipt, .token, .doctor, .create, .list, .show, .watch, .restock, .set, .pause, .resume,
        .admit, .close,
        .reconcile, .rebuild, .release, .failover, .letters, .letter, .redrive, .discard, .trace, .check, .fairness,
        .ledgerExport,
        .ledgerVerify, .export, .archive, .erase, .backup, .restore,
    ]
}

/// What commands act on: the settings, and what they lead to.
struct Context: Sendable {
    let environment: Environment

    func redis() throws -> BlockingRedis { try BlockingRedis(RedisEndpoint(environment), name: "salectl") }

    /// Waits until the replicas that were asked for have what has just been changed.
    func confirm(_ redis: @autoclosure () throws -> BlockingRedis) throws {
        try afterwards("a failover could take it back; look again") {
            try redis().confirm(replicas: environment.redisReplicas())
        }
    }

    /// Reads a sale that has just been changed.
    func changed(_ sale: SaleID, on redis: BlockingRedis) throws -> StatusReport {
        try afterwards("look again") { try StatusReport.read(sale, self, redis) }
    }

    /// What follows a change. Where it fails, the change is made all the same, as far as `progress` says, and the consequence
    /// tells what to do about that.
    func afterwards<R>(_ consequence: String, _ progress: String = "done", _ step: () throws -> R) throws -> R {
        do {
            return try step()
        } catch {
            throw CommandFailure(
                "\(progress), but \(CommandFailure(error).message): \(consequence)", ExitCode.temporaryFailure)
        }
    }

    /// The database's path, where there is one.
    func existingDatabase() throws -> String? {
        let path = try environment.required(.database)
        return File.exists(path) ? path : nil
    }

    /// The lock of the database at `path`; nil where a worker has it.
    func lock(_ path: String) throws -> StoreLock? {
        do throws(FileError) {
            return try StoreLock.take(for: path)
        } catch {
            throw CommandFailure("\(path).lock can't be locked: \(error)", ExitCode.cantCreate)
        }
    }

    /// The sale as Redis has it; ends the command where it has none.
    func status(_ sale: SaleID, on redis: BlockingRedis) throws -> SaleStatus {
        guard let status = try redis.status(sale) else {
            throw CommandFailure("Redis has no sale \(sale)", ExitCode.noInput)
        }
        return status
    }
}

/// Why a command could not do what it was asked: a sentence, and the exit code.
struct CommandFailure: Error {
    let message: String
    let code: Int32

    init(_ message: String, _ code: Int32) {
        self.message = message
        self.code = code
    }

    /// The sentence and code that any error stands for.
    init(_ error: any Error) {
        switch error {
        case let failure as CommandFailure: self = failure
        case let error as ConfigurationError: self.init(error.description, ExitCode.config)
        case let error as RedisError: self.init(error.description, ExitCode.unavailable)
        case let error as StoreError: self.init("the database: \(error.description)", ExitCode.unavailable)
        default: self.init("\(error)", ExitCode.unavailable)
        }
    }
}
