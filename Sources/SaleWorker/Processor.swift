import EventLoop
import OrderStore
import RedisClient
import Shared

/// Takes the entries of one read to their end: into SQLite, and only then off Redis' pending list.
///
/// A kill between any two steps leaves entries pending; they are delivered again, and storing them again changes nothing.
final class Processor {
    /// Entries that are tried by themselves in one turn.
    private static let aloneMax = 100

    private let store: OrderStore
    private let worker: String
    private let replicas: Int
    private let metrics: WorkerMetrics
    private let log: Log
    private var failpoint: Failpoint?
    /// Entries that this worker has failed to take to their end, and lived: as many as are pending at most.
    private var survived: [SaleID: Set<String>] = [:]

    init(
        store: OrderStore, worker: String, replicas: Int, metrics: WorkerMetrics, log: Log, failpoint: Failpoint?
    ) {
        self.metrics = metrics
        self.store = store
        self.worker = worker
        self.replicas = replicas
        self.log = log
        self.failpoint = failpoint
    }

    /// Stores, dead-letters and acknowledges entries that are new, in this order. Where it throws before that is done, they are
    /// still pending.
    func process(_ sale: SaleID, _ entries: [StreamEntry], on redis: BlockingRedis) throws {
        guard !entries.isEmpty else { return }
        let buried = try surviving(sale, entries) {
            try prepare(sale, entries, on: redis)
            return try finish(sale, entries, store(sale, entries), on: redis)
        }
        try noteMoved(sale, buried, on: redis)
    }

    /// The same for entries that have been delivered before; those that a worker may have died of by themselves.
    func processOlder(_ sale: SaleID, _ entries: [StreamEntry], on redis: BlockingRedis) throws {
        let deliveries = try StreamReader.deliveries(sale, entries, to: worker, on: redis)
        let parts = Suspicion.parts(entries.map(\.id), deliveries: deliveries, survived: survived[sale] ?? [])
        var tried = 0
        for part in parts {
            switch part {
            case .together(let range): try process(sale, Array(entries[range]), on: redis)
            case .alone(let index, let deliveries):
                // Each is a commit of its own. The rest is read again, once others have had their turn.
                guard tried < Self.aloneMax else { return }
                tried += 1
                let entry = entries[index]
                let buried = try surviving(sale, [entry]) {
                    try prepare(sale, [entry], on: redis)
                    let applied = try store.tryAlone(sale, entry, deliveries: deliveries) { written([entry], $0) }
                    return try finish(sale, [entry], applied, on: redis)
                }
                try noteMoved(sale, buried, on: redis)
            }
        }
    }

    /// Remembers what this worker has failed to take to its end, and lived.
    private func surviving<R>(_ sale: SaleID, _ entries: [StreamEntry], _ work: () throws -> R) throws -> R {
        do {
            let result = try work()
            survived[sale]?.subtract(entries.map(\.id))
            return result
        } catch {
            survived[sale, default: []].formUnion(entries.map(\.id))
            throw error
        }
    }

    private func prepare(_ sale: SaleID, _ entries: [StreamEntry], on redis: BlockingRedis) throws {
        failpoint?.reached(.afterRead)
        // An entry that only the primary has may be taken back by a failover, and its unit sold again.
        try redis.confirm(replicas: replicas)
        let given = try redis.command(["GET", RedisArgument(SaleKeys(sale).position)])
        store.noteGiven(given.integer ?? 0, of: sale)
        if PlantedBug.acknowledgeBeforeCommit.isActive {
            try redis.acknowledge(entries.map(\.id), of: sale, persisted: 0)
        }
    }

    private func store(_ sale: SaleID, _ entries: [StreamEntry]) throws(StoreError) -> OrderStore.Applied {
        let begun = Instant.now
        defer { metrics.commitLatency.record(microseconds: Instant.now.microseconds(since: begun)) }
        do throws(StoreError) {
            return try store.apply(sale, entries) { written(entries, $0) }
        } catch {
            guard error.concernsRow else { throw error }
            log.write(.warning, "batch_isolated") {
                $0.appendMember("sale", "\(sale)")
                $0.appendMember("entries", entries.count)
                $0.appendMember("message", error.message)
            }
            return try store.apply(sale, entries, apart: true) { written(entries, $0) }
        }
    }

    private func written(_ entries: [StreamEntry], _ outcomes: [Outcome]) {
        failpoint?.stored(zip(entries, outcomes).filter { $0.1 == .stored }.map(\.0))
        failpoint?.reached(.beforeCommit)
    }

    /// Takes off the pending list what has become of the entries; answers the ids of those that are dead letters now.
    private func finish(
        _ sale: SaleID, _ entries: [StreamEntry], _ applied: OrderStore.Applied, on redis: BlockingRedis
    ) throws -> [String] {
        failpoint?.reached(.afterCommit)
        var settled: [String] = []
        var buried: [String] = []
        var stored = 0
        for (entry, outcome) in zip(entries, applied.outcomes) {
            switch outcome {
            case .stored:
                stored += 1
                settled.append(entry.id)
            case .alreadyStored, .alreadyRejected:
                metrics.repeated += 1
                settled.append(entry.id)
            case .rejected(let rejection):
                try bury(sale, entry, rejection, on: redis)
                buried.append(entry.id)
            }
        }
        try redis.acknowledge(settled, of: sale, persisted: applied.persistedPosition)
        failpoint?.reached(.afterSettle)
        metrics.stored += stored
        if stored > 0 {
            log.write(.info, "stored") {
                $0.appendMember("sale", "\(sale)")
                $0.appendMember("entries", stored)
                $0.appendMember("persisted_position", applied.persistedPosition)
            }
        }
        return buried
    }

    /// Moves an entry to the dead letters. A contradiction stops the sale first: one of two stories is wrong, and no more
    /// should be sold before somebody has looked.
    private func bury(_ sale: SaleID, _ entry: StreamEntry, _ rejection: Rejection, on redis: BlockingRedis) throws {
        failpoint?.reached(.beforeDeadLetter)
        if rejection.reason == .contradiction {
            // One that is being archived has ended, and nothing changes it any more (control.lua).
            let pauses = try redis.archiveEvent(of: sale) == nil
            if pauses { _ = try redis.control(sale, .pause) }
            log.write(.error, "contradiction") {
                $0.appendMember("sale", "\(sale)")
                $0.appendMember("entry", entry.id)
                $0.appendMember("message", rejection.message)
                $0.appendMember("sale_paused", pauses)
            }
        }
        let letter = DeadLetter(
            entry: entry, rejection: rejection,
            attempts: try StreamReader.deliveries(sale, entry.id, on: redis), worker: worker, recordedAt: .now)
        try redis.deadletter(entry.id, of: sale, isGone: entry.fields == nil, letter.arguments)
        failpoint?.reached(.afterDeadLetter)
        metrics.deadLetters += 1
        if rejection.isOversell { metrics.oversellsPrevented += 1 }
        log.write(.error, "dead_letter") {
            $0.appendMember("sale", "\(sale)")
            $0.appendMember("entry", entry.id)
            $0.appendMember("reason", rejection.reason.rawValue)
            $0.appendMember("message", rejection.message)
            $0.appendMember("attempts", letter.attempts)
            if let trace = entry.trace { $0.appendMember("trace", trace) }
        }
    }

    /// Notes of letters that they were moved by a worker that did not live to note it: they are on no pending list.
    func noteMoved(_ sale: SaleID, on redis: BlockingRedis) throws {
        let moved = try store.unmovedLetters(sale).filter { try StreamReader.isAcknowledged(sale, $0, on: redis) }
        try noteMoved(sale, moved, on: redis)
    }

    private func noteMoved(_ sale: SaleID, _ ids: [String], on redis: BlockingRedis) throws {
        guard !ids.isEmpty else { return }
        // A failover may take back what only the primary has; the entry is pending again then, and must be moved again.
        try redis.confirm(replicas: replicas)
        try store.markMoved(sale, ids)
    }
}
