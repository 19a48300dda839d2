import EventLoop
import OrderStore
import RedisClient
import Shared

/// Stores the entries of one read in SQLite, and only then takes them off Redis' pending list.
///
/// A kill between any two steps leaves entries pending. They are delivered again, and storing them again changes
/// nothing.
final class Processor {
    /// Entries that are tried by themselves in one pass.
    private static let aloneMax = 100

    private let store: OrderStore
    private let worker: String
    private let replicas: Int
    private let metrics: WorkerMetrics
    private let log: Log
    private var failpoint: Failpoint?
    /// Entries that this worker has failed to finish and has survived: at most as many as are pending.
    private var survived: [SaleID: Set<String>] = [:]
    /// Entries that were deleted while they were pending, and are not dead letters yet. XAUTOCLAIM names such an entry
    /// only once, so it is lost if this worker dies before it is stored.
    private var deleted: [SaleID: Set<String>] = [:]

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

    // MARK: Batches

    /// Stores new entries, moves those that can't be stored to the dead letters, and acknowledges the others, in this
    /// order. If it throws before that is done, they are still pending.
    func process(_ sale: SaleID, _ entries: [StreamEntry], on redis: BlockingRedis) throws {
        guard !entries.isEmpty else { return }
        try finishing(sale, entries, on: redis) { try store(sale, entries) }
    }

    /// The same for entries that have been delivered before. Those that a worker may have died of are stored by
    /// themselves.
    func processOlder(_ sale: SaleID, _ entries: [StreamEntry], on redis: BlockingRedis) throws {
        let entries = try addingDeleted(sale, entries, on: redis)
        let deliveries = try StreamReader.deliveries(sale, entries, to: worker, on: redis)
        let parts = Suspicion.parts(entries.map(\.id), deliveries: deliveries, survived: survived[sale] ?? [])
        var tried = 0
        for part in parts {
            switch part {
            case .together(let range): try process(sale, Array(entries[range]), on: redis)
            case .alone(let index, let deliveries):
                // Each one costs a commit. The rest is read again, after the other sales.
                guard tried < Self.aloneMax else { return }
                tried += 1
                let entry = entries[index]
                try finishing(sale, [entry], on: redis) {
                    try store.tryAlone(sale, entry, deliveries: deliveries) { written([entry], $0) }
                }
            }
        }
    }

    /// `entries`, and after them the deleted ones of earlier reads that could not be stored.
    private func addingDeleted(
        _ sale: SaleID, _ entries: [StreamEntry], on redis: BlockingRedis
    ) throws -> [StreamEntry] {
        var earlier = (deleted[sale] ?? []).subtracting(entries.map(\.id))
        for id in earlier {
            // A failover may have taken the deletion back.
            let reply = try redis.command(["XRANGE", "\(SaleKeys(sale).orders)", "\(id)", "\(id)"])
            let found = reply.value
            if found.count > 0 { earlier.remove(id) }
        }
        deleted[sale] = earlier.union(entries.filter { $0.fields == nil }.map(\.id))
        return entries + earlier.sorted().map { StreamEntry(id: $0, fields: nil) }
    }

    /// Takes entries through all steps, and remembers them as survived if a step fails.
    private func finishing(
        _ sale: SaleID, _ entries: [StreamEntry], on redis: BlockingRedis, _ store: () throws -> OrderStore.Applied
    ) throws {
        let moved: [String]
        do {
            try prepare(sale, entries, on: redis)
            moved = try finish(sale, entries, store(), on: redis)
            survived[sale]?.subtract(entries.map(\.id))
            deleted[sale]?.subtract(entries.map(\.id))
        } catch {
            survived[sale, default: []].formUnion(entries.map(\.id))
            throw error
        }
        try noteMoved(sale, moved, on: redis)
    }

    // MARK: Steps

    private func prepare(_ sale: SaleID, _ entries: [StreamEntry], on redis: BlockingRedis) throws {
        failpoint?.reached(.afterRead)
        // A failover may take back an entry that only the primary has, and its unit would be sold again.
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
            return try store.apply(sale, entries, isolated: true) { written(entries, $0) }
        }
    }

    private func written(_ entries: [StreamEntry], _ outcomes: [Outcome]) {
        failpoint?.stored(zip(entries, outcomes).filter { $0.1 == .stored }.map(\.0))
        failpoint?.reached(.beforeCommit)
    }

    /// Takes the entries off the pending list according to their outcomes. Returns the ids of those that were moved to
    /// the dead letters.
    private func finish(
        _ sale: SaleID, _ entries: [StreamEntry], _ applied: OrderStore.Applied, on redis: BlockingRedis
    ) throws -> [String] {
        failpoint?.reached(.afterCommit)
        var acknowledged: [String] = []
        var moved: [String] = []
        var stored = 0
        for (entry, outcome) in zip(entries, applied.outcomes) {
            switch outcome {
            case .stored:
                stored += 1
                acknowledged.append(entry.id)
            case .alreadyStored, .alreadyRejected:
                metrics.repeated += 1
                acknowledged.append(entry.id)
            case .rejected(let rejection):
                try moveToDeadLetters(sale, entry, rejection, on: redis)
                moved.append(entry.id)
            }
        }
        try redis.acknowledge(acknowledged, of: sale, persisted: applied.persistedPosition)
        failpoint?.reached(.afterAcknowledge)
        metrics.stored += stored
        if stored > 0 {
            log.write(.info, "stored") {
                $0.appendMember("sale", "\(sale)")
                $0.appendMember("entries", stored)
                $0.appendMember("persisted_position", applied.persistedPosition)
            }
        }
        return moved
    }

    // MARK: Dead letters

    /// Moves an entry from the pending list to the dlq stream. A contradiction pauses the sale first: one of two
    /// stories is wrong, and nothing more should be sold before somebody has looked.
    private func moveToDeadLetters(
        _ sale: SaleID, _ entry: StreamEntry, _ rejection: Rejection, on redis: BlockingRedis
    ) throws {
        failpoint?.reached(.beforeDeadLetter)
        if rejection.reason == .contradiction {
            // Refused only if the sale is being archived, so has ended, or has no stream, so sells nothing.
            let pauses = try redis.control(sale, .pause, evenIfFenced: true) == nil
            log.write(.error, "contradiction") {
                $0.appendMember("sale", "\(sale)")
                $0.appendMember("entry", entry.id)
                $0.appendMember("message", rejection.message)
                $0.appendMember("sale_paused", pauses)
            }
        }
        let dlqEntry = DLQEntry(
            entry: entry, rejection: rejection,
            attempts: try StreamReader.deliveries(sale, entry.id, on: redis), worker: worker, recordedAt: .now)
        try redis.deadletter(entry.id, of: sale, isGone: entry.fields == nil, dlqEntry.arguments)
        // It must not be moved twice if a later step fails.
        deleted[sale]?.remove(entry.id)
        failpoint?.reached(.afterDeadLetter)
        metrics.deadLetters += 1
        if rejection.isOversell { metrics.oversellsPrevented += 1 }
        log.write(.error, "dead_letter") {
            $0.appendMember("sale", "\(sale)")
            $0.appendMember("entry", entry.id)
            $0.appendMember("reason", rejection.reason.rawValue)
            $0.appendMember("message", rejection.message)
            $0.appendMember("attempts", dlqEntry.attempts)
            if let trace = entry.trace { $0.appendMember("trace", trace) }
        }
    }

    /// Notes dead letters as moved that are on no pending list: a worker moved them, and died before it noted that.
    func noteMoved(_ sale: SaleID, on redis: BlockingRedis) throws {
        let moved = try store.unmovedDeadLetters(sale).filter { try StreamReader.isAcknowledged(sale, $0, on: redis) }
        try noteMoved(sale, moved, on: redis)
    }

    private func noteMoved(_ sale: SaleID, _ ids: [String], on redis: BlockingRedis) throws {
        guard !ids.isEmpty else { return }
        // A failover may take back what only the primary has. The entry is then pending again, and must be moved again.
        try redis.confirm(replicas: replicas)
        try store.markMoved(sale, ids)
    }
}
