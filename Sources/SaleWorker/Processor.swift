import EventLoop
import OrderStore
import RedisClient
import Shared

/// Takes the entries of one read to their end: into SQLite, and only then off Redis' pending list.
///
/// A kill between any two steps leaves entries pending; they are delivered again, and storing them again changes nothing.
final class Processor {
    private let store: OrderStore
    private let worker: String
    private let replicas: Int
    private let metrics: WorkerMetrics
    private let log: Log
    private var failpoint: Failpoint?

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

    /// Stores, dead-letters and acknowledges `entries`, in this order. Where it throws, they are still pending.
    func process(_ sale: SaleID, _ entries: [StreamEntry], on redis: BlockingRedis) throws {
        guard !entries.isEmpty else { return }
        failpoint?.reached(.afterRead)
        // An entry that only the primary has may be taken back by a failover, and its unit sold again.
        try redis.confirm(replicas: replicas)
        if PlantedBug.acknowledgeBeforeCommit.isActive {
            try settle(sale, entries.map { RedisArgument($0.id) }, persisted: 0, on: redis)
        }
        let begun = Instant.now
        let applied = try store.apply(sale, entries, beforeCommit: { failpoint?.reached(.beforeCommit) })
        metrics.commitLatency.record(microseconds: Instant.now.microseconds(since: begun))
        failpoint?.reached(.afterCommit)

        var settled: [RedisArgument] = []
        var stored = 0
        for (entry, outcome) in zip(entries, applied.outcomes) {
            switch outcome {
            case .stored:
                stored += 1
                settled.append(RedisArgument(entry.id))
            case .alreadyStored, .alreadyRejected:
                metrics.repeated += 1
                settled.append(RedisArgument(entry.id))
            case .rejected(let rejection): try bury(sale, entry, rejection, on: redis)
            }
        }
        try settle(sale, settled, persisted: applied.persistedPosition, on: redis)
        failpoint?.reached(.afterSettle)
        metrics.stored += stored
        if stored > 0 {
            log.write(.info, "stored") {
                $0.appendMember("sale", "\(sale)")
                $0.appendMember("entries", stored)
                $0.appendMember("persisted_position", applied.persistedPosition)
            }
        }
    }

    private func settle(_ sale: SaleID, _ ids: [RedisArgument], persisted: Int, on redis: BlockingRedis) throws {
        guard !ids.isEmpty else { return }
        let keys = SaleKeys(sale)
        try redis.run(
            .settle, keys: [keys.sale, keys.orders],
            [RedisArgument(SaleKeys.group), RedisArgument(persisted)] + ids)
    }

    /// Moves an entry to the dead letters. A contradiction stops the sale first: one of two stories is wrong, and no more
    /// should be sold before somebody has looked.
    private func bury(_ sale: SaleID, _ entry: StreamEntry, _ rejection: Rejection, on redis: BlockingRedis) throws {
        failpoint?.reached(.beforeDeadLetter)
        if rejection.reason == .contradiction {
            _ = try redis.control(sale, .pause)
            log.write(.error, "contradiction") {
                $0.appendMember("sale", "\(sale)")
                $0.appendMember("entry", entry.id)
                $0.appendMember("message", rejection.message)
                $0.appendMember("sale_paused", true)
            }
        }
        let letter = DeadLetter(
            entry: entry, rejection: rejection,
            attempts: try StreamReader.deliveries(sale, entry.id, on: redis), worker: worker, recordedAt: .now)
        let keys = SaleKeys(sale)
        try redis.run(
            .deadletter, keys: [keys.orders, keys.deadLetters],
            [RedisArgument(SaleKeys.group), RedisArgument(entry.id), entry.fields == nil ? "1" : "0"]
                + letter.arguments)
        failpoint?.reached(.afterDeadLetter)
        metrics.deadLetters += 1
        try store.markMoved(sale, entry.id)
        log.write(.error, "dead_letter") {
            $0.appendMember("sale", "\(sale)")
            $0.appendMember("entry", entry.id)
            $0.appendMember("reason", rejection.reason.rawValue)
            $0.appendMember("message", rejection.message)
            $0.appendMember("attempts", letter.attempts)
        }
    }
}
