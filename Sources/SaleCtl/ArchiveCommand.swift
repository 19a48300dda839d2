import EventLoop
import OrderStore
import Reconciliation
import RedisClient
import Shared

extension Command {
    static let archive = Command(
        "archive", "ID [--dry-run] [--for DURATION] [--json]",
        "Frees an ended sale's memory on Redis, once SQLite holds all of it.",
        details: """
              --dry-run        only say whether the sale can be archived, and what that would free
              --for DURATION   how long to wait for the worker (default 1m)
              --json           as JSON; if it can't be archived, with the `reasons`

            Checks that the sale has ended, that Redis and SQLite agree, that every stream entry is stored and
            acknowledged, and that no dead letter is open. If not, it names each reason, with exit code 1. Then the
            worker marks the sale in SQLite, and only after that Redis deletes it. If it is interrupted, or exits 75,
            run it again to finish. From then on buyers get 404 for the sale, and its name is never used again. Take a
            backup first: afterwards only SQLite has the orders.
            """
    ) { line, context in
        let arguments = try Arguments(line, options: ["--for"], flags: ["--dry-run", "--json"], words: 1...1)
        let sale = try Arguments.sale(arguments.words[0])
        let patience = try arguments.duration("--for") ?? 60_000
        let reader = try context.reader()
        let archiver = Archiver(
            sale: sale, context: context, redis: try context.redis(), reader: reader, isJSON: arguments.has("--json"))
        return try archiver.run(rehearsing: arguments.has("--dry-run"), patience: patience)
    }
}

/// Archives one sale.
private struct Archiver {
    let sale: SaleID
    let context: Context
    let redis: BlockingRedis
    let reader: StoreReader
    /// Whether it reports to a program.
    let isJSON: Bool

    /// Archives the sale, or says why it can't be archived; returns the exit code.
    func run(rehearsing isRehearsal: Bool, patience milliseconds: Int) throws -> Int32 {
        guard let status = try redis.status(sale) else { return try reportFreed() }
        if isRehearsal { return try rehearse(status) }
        // Once it is begun, an obstacle may be what the worker has still to store.
        if try redis.archiveEvent(of: sale) == nil {
            let reasons = try obstacles(status)
            guard reasons.isEmpty else { return refuse(reasons) }
        }
        let advice = "nothing is freed; run this again"
        let id: String
        let beginning = { () throws(RedisError) in try redis.beginArchive(sale, uuid: status.uuid) }
        switch try context.change(sale, otherwise: advice, beginning) {
        case .success(let begun): id = begun
        case .failure(let refusal): return try refuse(refusal)
        }
        let (reasons, stored, bytes) = try context.afterwards(advice, "begun") {
            try redis.confirm(replicas: context.environment.redisReplicas())
            try awaitStored(id, milliseconds: milliseconds)
            return (try obstacles(status), try archived(), try redis.memory(of: sale))
        }
        guard reasons.isEmpty else { return refuse(reasons) }
        let refusal = try context.afterwards("it may be freed; run this again", "begun") {
            try redis.free(sale, uuid: status.uuid, archivedBy: id)
        }
        if let refusal { return try refuse(refusal) }
        try context.confirm(redis)
        report(stored, freed: bytes)
        return ExitCode.ok
    }

    /// Says whether the sale can be archived.
    private func rehearse(_ status: SaleStatus) throws -> Int32 {
        let reasons = try obstacles(status)
        guard reasons.isEmpty else { return refuse(reasons) }
        let bytes = try redis.memory(of: sale)
        if isJSON {
            print([], bytes: bytes)
        } else {
            Output.line("\(sale) can be archived; that frees \(bytes) bytes on Redis")
        }
        return ExitCode.ok
    }

    /// Why it can't be archived, each a sentence.
    private func obstacles(_ status: SaleStatus) throws -> [String] {
        // SQLite first: it follows Redis, so Redis must have had what SQLite has.
        guard let stored = try reader.stored(sale) else { return ["SQLite does not know it"] }
        var reasons: [String] = []
        if status.state != .ended { reasons.append("it has not ended: `salectl close \(sale)` ends it") }
        if status.servingRunID != redis.facts.runID { reasons.append("it is fenced") }
        if stored.openDeadLetters > 0 {
            reasons.append("\(counted(stored.openDeadLetters, "dead letter is", "dead letters are")) open")
        }
        let unread = try redis.unacknowledged(sale)
        if unread > 0 {
            let what = counted(unread, "stream entry is", "stream entries are")
            reasons.append("\(what) not stored and acknowledged yet")
        }
        let live = try RedisSale.read(sale, from: redis, beside: stored)
        let comparison = Comparison(sale, redis: live, sqlite: stored)
        if let first = comparison.differences.first {
            reasons.append("Redis and SQLite differ (\(comparison.differences.count)): \(first)")
        }
        return reasons
    }

    /// Waits until the worker has stored the archive event and acknowledged it.
    private func awaitStored(_ id: String, milliseconds: Int) throws {
        let begun = Instant.now
        var reportedSeconds = 0
        let isStored = try Poll.until(begun.advanced(milliseconds: milliseconds)) {
            if let mark = try reader.archiveMark(of: sale), mark.archivedAt != nil, mark.lastStreamID >= StreamID(id),
                try redis.unacknowledged(sale) == 0
            {
                return true
            }
            let seconds = Instant.now.microseconds(since: begun) / 1_000_000
            if seconds > reportedSeconds {
                reportedSeconds = seconds
                Output.error("salectl: waiting for the worker to store it, \(seconds) s")
            }
            return false
        }
        guard isStored else {
            let sentence = "the worker has not stored it within \(Poll.text(milliseconds)) (is it running?)"
            throw CommandFailure(sentence, ExitCode.temporaryFailure)
        }
    }

    /// The archived sale, as SQLite has it.
    private func archived() throws -> StoredSale {
        guard let stored = try reader.stored(sale) else { throw CommandFailure(nowhere: sale) }
        guard stored.archivedAt != nil else { throw CommandFailure(lost: sale) }
        return stored
    }

    /// Reports a sale that Redis does not have, if it is archived.
    private func reportFreed() throws -> Int32 {
        let stored = try archived()
        try context.confirm(redis)
        report(stored, freed: 0)
        return ExitCode.ok
    }

    private func report(_ stored: StoredSale, freed bytes: Int) {
        guard isJSON else {
            let orders = counted(stored.orders.count, "order")
            Output.line("\(sale) is archived: \(orders) in SQLite, \(bytes) bytes freed on Redis")
            return
        }
        Output.json { text in
            text.appendMember("sale", sale)
            text.appendMember("archived_at", time: stored.archivedAt)
            text.appendMember("orders", stored.orders.count)
            text.appendMember("bytes_freed", bytes)
        }
    }

    /// Prints why it can't be archived, and what that would free if there is no reason.
    private func print(_ reasons: [String], bytes: Int? = nil) {
        Output.json { text in
            text.appendMember("can_be_archived", reasons.isEmpty)
            text.appendMember("reasons", reasons)
            if let bytes { text.appendMember("bytes_freed", bytes) }
        }
    }

    private func refuse(_ reasons: [String]) -> Int32 {
        if isJSON { print(reasons) }
        for reason in reasons { Output.error("salectl: \(sale) is not archived: \(reason)") }
        return ExitCode.negative
    }

    private func refuse(_ refusal: BlockingRedis.ArchiveRefusal) throws -> Int32 {
        switch refusal {
        case .unknownSale:
            // Another salectl was faster, or Redis was emptied.
            if try redis.status(sale) == nil { return try reportFreed() }
            return refuse(["Redis has another sale of this name"])
        case .fenced: return refuse(["it is fenced"])
        case .notEnded: return refuse(["it has not ended, or an entry follows its last event; run this again"])
        case .pending: return refuse(["a stream entry is unread or not acknowledged; run this again"])
        }
    }
}
