import EventLoop
import Operations
import OrderStore
import RedisClient
import Shared

/// Moves the sales' streams into SQLite, turn by turn, until it is told to stop.
///
/// A turn asks for new sales, reads what is there, stores it, and looks at the fences. Whatever fails is tried again from
/// the pending entries on: Redis by a new connection, SQLite as soon as it can; nothing is acknowledged meanwhile.
final class Worker {
    /// How often Redis is asked for new sales.
    private static let discoveryMilliseconds = 100
    /// How long to wait before the streams are looked at again where nothing was new: an order is stored after at most this
    /// and its commit. A hundred small commands a second cost Redis less than 0.1 % of a core.
    private static let idleMilliseconds = 10
    /// How often it is looked up how far behind Redis the database is.
    private static let lagMilliseconds = 1000
    /// How long a sale that can't be worked on is left alone.
    private static let asideMilliseconds = 1000
    /// How long a sale that was set aside must have been worked on without trouble to count as recovered: within this,
    /// everything of it has been looked at once (`Fence` waits longest, and the backlog is measured once a second).
    private static let recoveredMilliseconds = 4000

    private let configuration: WorkerConfiguration
    private let store: OrderStore
    private let log: Log
    private let processor: Processor
    private let fence: Fence
    private let metrics: WorkerMetrics

    private var redis: BlockingRedis?
    private var reader: StreamReader
    private var nextDiscovery = Instant(nanoseconds: 0)
    private var nextLag = Instant(nanoseconds: 0)
    /// Sales that were set aside, have not recovered since, and are left alone until then.
    private var asideUntil: [SaleID: Instant] = [:]
    private var retry = RetryPolicy()
    private var random = SystemRandomNumberGenerator()
    /// Sales that SQLite has and Redis was said to have lost.
    private var lost: Set<SaleID> = []

    init(_ configuration: WorkerConfiguration, store: OrderStore, metrics: WorkerMetrics, log: Log) {
        self.metrics = metrics
        self.configuration = configuration
        self.store = store
        self.log = log
        processor = Processor(
            store: store, worker: configuration.name, replicas: configuration.replicas, metrics: metrics, log: log,
            failpoint: configuration.failpoint)
        fence = Fence(store: store, metrics: metrics, log: log)
        reader = StreamReader(consumer: configuration.name)
    }

    /// One turn: 0 where the next may follow at once, otherwise the milliseconds to wait before it.
    func turn(now: Instant) -> Int {
        do {
            let redis = try connected()
            try redis.checkPrimary()
            try discover(redis, now: now)
            reader.claimAgain(now: now)
            try readOlder(redis, now: now)
            let busy = try readNew(redis, now: now)
            // A sale whose stream has just been read to its end, however busy the others are.
            for sale in reader.sales where !busy.contains(sale) && reader.isCaughtUp(sale) {
                try apart(sale, now: now) { try fence.consider(sale, on: redis, now: now) }
            }
            try measureLag(redis, now: now)
            if let outage = retry.succeeded() { recovered(outage, now: now) }
            metrics.trouble = nil
            let isIdle = busy.isEmpty && reader.sales.allSatisfy(reader.isCaughtUp)
            return isIdle ? Self.idleMilliseconds : 0
        } catch {
            return failed(error, now: now)
        }
    }

    /// Does what an operator wants done, on the stores that it works on.
    func perform(_ operation: Operation) throws -> String { try operation.run(store: store, redis: connected()) }

    private func connected() throws -> BlockingRedis {
        if let redis { return redis }
        let fresh = try BlockingRedis(configuration.redis, name: "sale-worker")
        guard fresh.facts.role == "master" else {
            throw RedisError(.readOnly, "INFO", "\(fresh.address) is a replica, not the primary")
        }
        redis = fresh
        metrics.connects += 1
        reader = StreamReader(consumer: configuration.name)
        fence.restart()
        nextDiscovery = Instant(nanoseconds: 0)
        log.write(.info, "redis_connected") {
            $0.appendMember("run_id", fresh.facts.runID)
            $0.appendMember("version", fresh.facts.version)
        }
        return fresh
    }

    // MARK: Sales

    private func discover(_ redis: BlockingRedis, now: Instant) throws {
        guard now >= nextDiscovery else { return }
        nextDiscovery = now.advanced(milliseconds: Self.discoveryMilliseconds)
        let there = Set(try redis.sales())
        for sale in reader.sales where !there.contains(sale) { reader.end(sale) }
        for sale in there where !reader.sales.contains(sale) {
            try apart(sale, now: now) { try begin(sale, redis, now: now) }
        }
        try restoreLost(there, redis, now: now)
        for sale in asideUntil.keys where !there.contains(sale) && !lost.contains(sale) { asideUntil[sale] = nil }
    }

    private func begin(_ sale: SaleID, _ redis: BlockingRedis, now: Instant) throws {
        // A sale whose stream is gone has nothing to read, and making a group would bring an empty one back.
        guard try redis.hasStream(sale) else {
            fence.reconsider(sale)
            try fence.consider(sale, on: redis, now: now)
            return
        }
        try reader.begin(sale, after: store.lastStreamID(sale) ?? "0-0", on: redis)
        guard asideUntil[sale] == nil else { return }
        log.write(.info, "sale_found") { $0.appendMember("sale", "\(sale)") }
    }

    /// Works on one sale so that what is wrong with it stays with it: a key of another type, or a reply that can't be used,
    /// sets the sale aside for a second, and the others go on. That is said once, until it has recovered.
    private func apart(_ sale: SaleID, now: Instant, _ work: () throws -> Void) throws {
        if let until = asideUntil[sale], now < until { return }
        do {
            try work()
        } catch let error as RedisError where error.code == .other || error.code == .unexpectedReply {
            if asideUntil.updateValue(now.advanced(milliseconds: Self.asideMilliseconds), forKey: sale) == nil {
                log.write(.error, "sale_set_aside") {
                    $0.appendMember("sale", "\(sale)")
                    $0.appendMember("message", error.description)
                    $0.appendMember("hint", "it is tried again every second; the other sales go on")
                }
            }
            reader.end(sale)
        }
    }

    /// Takes a sale for recovered that has been worked on without trouble since it was set aside.
    private func recover(_ sale: SaleID, now: Instant) {
        guard let until = asideUntil[sale], now >= until.advanced(milliseconds: Self.recoveredMilliseconds) else {
            return
        }
        asideUntil[sale] = nil
        log.write(.info, "sale_recovered") { $0.appendMember("sale", "\(sale)") }
    }

    /// Has sales that SQLite knows and Redis doesn't brought back.
    private func restoreLost(_ there: Set<SaleID>, _ redis: BlockingRedis, now: Instant) throws {
        let missing = Set(try store.sales()).subtracting(there)
        for sale in missing {
            if !lost.contains(sale) {
                log.write(.error, "sale_lost") {
                    $0.appendMember("sale", "\(sale)")
                    $0.appendMember("hint", "Redis has forgotten it; it is completed from SQLite")
                }
            }
            try apart(sale, now: now) {
                // Only the list of all sales has forgotten it.
                if try redis.command(["EXISTS", RedisArgument(SaleKeys(sale).sale)]).integer == 1 {
                    try redis.command(["SADD", RedisArgument(SaleKeys.sales), RedisArgument("\(sale)")])
                } else {
                    fence.reconsider(sale)
                    try fence.consider(sale, on: redis, now: now)
                }
            }
        }
        lost = missing
    }

    // MARK: Reading

    private func readOlder(_ redis: BlockingRedis, now: Instant) throws {
        let behind = reader.sales.filter { !reader.isCaughtUp($0) }
        for sale in behind {
            try apart(sale, now: now) {
                if let entries = try reader.older(sale, among: behind.count, on: redis) {
                    try processor.processOlder(sale, entries, on: redis)
                } else {
                    try processor.noteMoved(sale, on: redis)
                }
            }
        }
    }

    /// Answers the sales that had new entries.
    private func readNew(_ redis: BlockingRedis, now: Instant) throws -> Set<SaleID> {
        let batches = try reader.new(on: redis)
        for (sale, entries) in batches {
            try apart(sale, now: now) { try processor.process(sale, entries, on: redis) }
        }
        return Set(batches.map(\.sale))
    }

    /// The sales that it reads, and those that it has set aside: of these more and more waits.
    private var measuredSales: [SaleID] { Array(Set(reader.sales).union(asideUntil.keys)) }

    private func measureLag(_ redis: BlockingRedis, now: Instant) throws {
        guard now >= nextLag else { return }
        nextLag = now.advanced(milliseconds: Self.lagMilliseconds)
        metrics.lag = [:]
        Backlog.measure(measuredSales, store, on: redis, into: metrics)
        for sale in reader.sales {
            try apart(sale, now: now) {
                let told = try redis.witnessed(sale)
                // Read after what was told: no position is told before it is given.
                let status = try redis.status(sale, allowingGaps: true)
                if let status { metrics.lag[sale] = max(0, status.position - status.persistedPosition) }
                try fence.watch(sale, status, told: told, on: redis)
                recover(sale, now: now)
            }
        }
    }

    // MARK: Failures

    /// Answers how long to wait before the next turn.
    private func failed(_ error: any Error, now: Instant) -> Int {
        if let error = error as? RedisError {
            switch error.code {
            case .noGroup:
                // Somebody destroyed the group: it is made again from the start, and what is stored is known as stored.
                for sale in reader.sales { reader.end(sale) }
                nextDiscovery = Instant(nanoseconds: 0)
            case .unconfirmed: break
            default: redis = nil
            }
        }
        reader.restart()
        if let redis, now >= nextLag {
            nextLag = now.advanced(milliseconds: Self.lagMilliseconds)
            Backlog.measure(measuredSales, store, on: redis, into: metrics)
        }
        metrics.failures += 1
        metrics.trouble = "\(error)"
        let verdict = retry.failed(error, now: now, using: &random)
        if let event = verdict.event {
            log.write(.error, event) {
                $0.appendMember("message", "\(error)")
                $0.appendMember("hint", "nothing is acknowledged meanwhile; it is tried again until it works")
            }
        }
        return verdict.waitMilliseconds
    }

    private func recovered(_ outage: RetryPolicy.Outage, now: Instant) {
        log.write(.info, "recovered") {
            $0.appendMember("failures", outage.failures)
            $0.appendMember("after_ms", now.microseconds(since: outage.since) / 1000)
        }
    }
}
