import EventLoop
import Operations
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
    private let lease: WorkerLease
    private let replicas: Int
    private let metrics: WorkerMetrics
    private let log: Log
    private var failpoint: Failpoint?
    /// Entries that this worker has failed to finish and has survived: at most as many as are pending.
    private var survived: [SaleID: Set<String>] = [:]
    /// Entries that Redis has not taken as dead letters: they are pending, and tried again every second. Few: an entry
    /// is refused by itself only if the sale's dlq key is damaged.
    private var stuck: [SaleID: Set<String>] = [:]

    init(
        store: OrderStore, worker: String, lease: WorkerLease, replicas: Int, metrics: WorkerMetrics, log: Log,
        failpoint: Failpoint?
    ) {
        self.metrics = metrics
        self.store = store
        self.worker = worker
        self.lease = lease
        self.replicas = replicas
        self.log = log
        self.failpoint = failpoint
    }

    // MARK: Batches

    /// Stores new entries, moves those that can't be stored to the dead letters, and acknowledges the others, in this
    /// order. If it throws before that is done, they are still pending. Returns the last one that can't be moved, and
    /// so is still pending; nil if there is none.
    @discardableResult
    func process(_ sale: SaleID, _ entries: [StreamEntry], on redis: BlockingRedis) throws -> String? {
        guard !entries.isEmpty else { return nil }
        return try finishing(sale, entries, on: redis) { try store(sale, entries) }
    }

    /// The same for entries that have been delivered before. Those that a worker may have died of are stored by
    /// themselves.
    func process(_ sale: SaleID, _ pending: StreamReader.Pending, on redis: BlockingRedis) throws -> String? {
        let entries = pending.entries
        let deliveries = try StreamReader.deliveries(sale, pending, on: redis)
        let innocent = survived[sale, default: []].union(stuck[sale, default: []])
        let parts = Suspicion.parts(entries.map(\.id), deliveries: deliveries, survived: innocent)
        var tried = 0
        var last: String?
        for part in parts {
            switch part {
            case .together(let range): last = try process(sale, Array(entries[range]), on: redis) ?? last
            case .alone(let index, let deliveries):
                // Each one costs a commit. The rest is read again, after the other sales.
                guard tried < Self.aloneMax else { return last }
                tried += 1
                let entry = entries[index]
                last =
                    try finishing(sale, [entry], on: redis) {
                        try store.tryAlone(sale, entry, deliveries: deliveries) { written([entry], $0) }
                    } ?? last
            }
        }
        return last
    }

    /// Takes entries through all steps, and remembers them as survived if a step fails. Returns the last one that can't
    /// be moved.
    private func finishing(
        _ sale: SaleID, _ entries: [StreamEntry], on redis: BlockingRedis, _ store: () throws -> OrderStore.Applied
    ) throws -> String? {
        let finished: Finished
        do {
            try prepare(sale, entries, on: redis)
            finished = try finish(sale, entries, store(), on: redis)
            survived[sale]?.subtract(entries.map(\.id))
        } catch {
            survived[sale, default: []].formUnion(entries.map(\.id))
            throw error
        }
        try noteMoved(sale, finished.moved, on: redis)
        return finished.stuck.last
    }

    // MARK: Steps

    private func prepare(_ sale: SaleID, _ entries: [StreamEntry], on redis: BlockingRedis) throws {
        failpoint?.reached(.afterRead)
        // A failover may take back an entry that only the primary has, and its unit would be sold again.
        try redis.confirm(replicas: replicas)
        try ForeignSale.refuse(sale, store, on: redis)
        store.noteGiven(try redis.lastPosition(of: sale), of: sale)
        if PlantedBug.acknowledgeBeforeCommit.isActive {
            try redis.acknowledge(entries.map(\.id), of: sale, persisted: 0, under: lease)
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
                $0.appendMember("sale", sale)
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

    /// Ids of entries that were to be moved to the dead letters.
    private struct Finished {
        var moved: [String] = []
        /// Those that could not be moved, and are pending.
        var stuck: [String] = []
    }

    /// Takes the entries off the pending list according to their outcomes.
    private func finish(
        _ sale: SaleID, _ entries: [StreamEntry], _ applied: OrderStore.Applied, on redis: BlockingRedis
    ) throws -> Finished {
        failpoint?.reached(.afterCommit)
        // The commit may have taken longer than the lease lasts, and whoever has lost it should not pause a sale.
        try lease.hold(on: redis, now: .now)
        var acknowledged: [String] = []
        var finished = Finished()
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
                if try moveToDeadLetters(sale, entry, rejection, on: redis) {
                    finished.moved.append(entry.id)
                } else {
                    finished.stuck.append(entry.id)
                }
            }
        }
        try redis.acknowledge(acknowledged, of: sale, persisted: applied.persistedPosition, under: lease)
        failpoint?.reached(.afterAcknowledge)
        metrics.stored += stored
        if stored > 0 {
            log.write(.info, "stored") {
                $0.appendMember("sale", sale)
                $0.appendMember("entries", stored)
                $0.appendMember("persisted_position", applied.persistedPosition)
            }
        }
        return finished
    }

    // MARK: Dead letters

    /// Moves an entry from the pending list to the dlq stream; false if Redis refuses that, so that it stays pending. A
    /// contradiction pauses the sale first: one of two stories is wrong, and nothing more should be sold before
    /// somebody has looked.
    private func moveToDeadLetters(
        _ sale: SaleID, _ entry: StreamEntry, _ rejection: Rejection, on redis: BlockingRedis
    ) throws -> Bool {
        failpoint?.reached(.beforeDeadLetter)
        // Once: an operator may have resumed the sale, and each pause is one more entry on the stream.
        if rejection.reason == .contradiction, stuck[sale]?.contains(entry.id) != true {
            // Refused only if the sale is being archived, so has ended, or has no stream, so sells nothing.
            let pauses = try redis.control(sale, .pause, evenIfFenced: true) == nil
            log.write(.error, "contradiction") {
                $0.appendMember("sale", sale)
                $0.appendMember("entry", entry.id)
                $0.appendMember("message", rejection.message)
                $0.appendMember("sale_paused", pauses)
            }
        }
        let dlqEntry = DLQEntry(
            entry: entry, rejection: rejection,
            attempts: try StreamReader.deliveries(sale, entry.id, on: redis), worker: worker, recordedAt: .now)
        do throws(RedisError) {
            try redis.deadletter(entry.id, of: sale, dlqEntry.arguments, under: lease)
        } catch {
            // Such as a dlq key that is no stream. SQLite has the dead letter, so the sale's other entries can go on.
            guard error.code == .other else { throw error }
            if stuck[sale, default: []].insert(entry.id).inserted { logStuck(sale, entry.id, error) }
            return false
        }
        stuck[sale]?.remove(entry.id)
        failpoint?.reached(.afterDeadLetter)
        metrics.deadLetters += 1
        if rejection.isOversell { metrics.oversellsPrevented += 1 }
        log.write(.error, "dead_letter") {
            $0.appendMember("sale", sale)
            $0.appendMember("entry", entry.id)
            $0.appendMember("reason", rejection.reason.rawValue)
            $0.appendMember("message", rejection.message)
            $0.appendMember("attempts", dlqEntry.attempts)
            if let trace = entry.trace { $0.appendMember("trace", trace) }
        }
        return true
    }

    private func logStuck(_ sale: SaleID, _ id: String, _ error: RedisError) {
        log.write(.error, "dead_letter_stuck") {
            $0.appendMember("sale", sale)
            $0.appendMember("entry", id)
            $0.appendMember("message", error.description)
            $0.appendMember("hint", "it is stored as a dead letter, and moved once Redis takes it; the others go on")
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
