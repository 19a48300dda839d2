import EventLoop
import Operations
import OrderStore
import Reconciliation
import RedisClient
import Shared

/// Moves the sales' streams into SQLite, pass by pass, until it is told to stop.
///
/// A pass looks for new sales, reads what is there, stores it, and checks the fences. What fails is tried again,
/// beginning with the pending entries, once there is a new connection to Redis or SQLite can be used. Nothing is
/// acknowledged meanwhile.
final class Worker {
    /// How often Redis is asked for new sales.
    private static let discoveryMilliseconds = 100
    /// How long to wait before the streams are read again if nothing was new: an order is stored after at most this and
    /// its commit. A hundred small commands a second cost Redis less than 0.1 % of a core.
    private static let idleMilliseconds = 10
    /// How often the sales' lag and backlog are measured.
    private static let measureMilliseconds = 1000
    /// How often Redis is told which sales are archived; it may have been emptied.
    private static let archiveNoteMilliseconds = 1000
    /// How long a sale that can't be worked on is left alone.
    private static let asideMilliseconds = 1000
    /// How long a sale that was set aside must work without trouble to count as recovered. Within this time every part
    /// of it has been used once (`Fence` waits longest, and the lag is measured once a second).
    private static let recoveredMilliseconds = 4000

    private let configuration: WorkerConfiguration
    private let store: OrderStore
    private let log: Log
    private let processor: Processor
    private let fence: Fence
    private let lease: WorkerLease
    private let metrics: WorkerMetrics

    private var redis: BlockingRedis?
    private var reader: StreamReader
    private var nextDiscovery = Instant(nanoseconds: 0)
    private var nextMeasurement = Instant(nanoseconds: 0)
    private var nextArchiveNote = Instant(nanoseconds: 0)
    private var archiveNoteFailed = false
    /// Sales that were set aside and have not recovered since, with the time until which they are left alone.
    private var asideUntil: [SaleID: Instant] = [:]
    private var retry = RetryPolicy()
    private var random = SystemRandomNumberGenerator()
    /// Sales that Redis listed when it was asked last.
    private var present: Set<SaleID> = []
    /// Sales that SQLite has, and that were logged as lost by Redis.
    private var lost: Set<SaleID> = []

    /// - Parameter lease: the right to work on the Redis that the configuration names.
    init(
        _ configuration: WorkerConfiguration, store: OrderStore, lease: WorkerLease, metrics: WorkerMetrics, log: Log
    ) {
        self.lease = lease
        self.metrics = metrics
        self.configuration = configuration
        self.store = store
        self.log = log
        processor = Processor(
            store: store, worker: configuration.name, lease: lease, replicas: configuration.replicas, metrics: metrics,
            log: log, failpoint: configuration.failpoint)
        fence = Fence(store: store, metrics: metrics, log: log)
        reader = StreamReader(consumer: configuration.name)
    }

    /// Makes one pass. Returns the milliseconds to wait before the next one, 0 if it may follow at once.
    func pass(now: Instant) -> Int {
        do {
            let redis = try connected()
            try redis.checkPrimary()
            try lease.hold(on: redis, now: now)
            try discover(redis, now: now)
            reader.lookAgain(now: now)
            try readPending(redis, now: now)
            let busy = try readNew(redis, now: now)
            // Sales whose stream has just been read to its end, however busy the others are.
            for sale in reader.sales where !busy.contains(sale) && reader.isCaughtUp(sale) {
                try containingFailures(of: sale, on: redis, now: now) { try fence.check(sale, on: redis, now: now) }
            }
            try measure(redis, now: now)
            if let outage = retry.succeeded() { recovered(outage, now: now) }
            metrics.trouble = nil
            let isIdle = busy.isEmpty && reader.sales.allSatisfy(reader.isCaughtUp)
            return isIdle ? Self.idleMilliseconds : 0
        } catch {
            return forgetFreed(after: error) ? 0 : failed(error, now: now)
        }
    }

    /// Runs an operator's operation on the stores that the worker holds.
    func perform(_ operation: Operation) throws -> String {
        let redis = try connected()
        try lease.hold(on: redis, now: .now)
        return try operation.run(store: store, redis: redis, lease: lease)
    }

    /// Gives the right to work on this Redis back.
    func stop() {
        do {
            if let redis { try lease.giveBack(on: redis) }
        } catch {
            log.write(.warning, "lease_kept") { $0.appendMember("message", "\(error)") }
        }
    }

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
        lease.restart()
        nextDiscovery = Instant(nanoseconds: 0)
        nextArchiveNote = Instant(nanoseconds: 0)
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
        present = Set(try redis.sales())
        for sale in reader.sales where !present.contains(sale) { reader.end(sale) }
        for sale in present where !reader.reads(sale) {
            try containingFailures(of: sale, on: redis, now: now) { try begin(sale, redis, now: now) }
        }
        try restoreLost(redis, now: now)
        try noteArchived(redis, now: now)
        for sale in asideUntil.keys where !present.contains(sale) && !lost.contains(sale) { asideUntil[sale] = nil }
    }

    /// Tells a Redis that was emptied which sales are archived. One that can't take it, such as one without memory,
    /// goes on without: `archive` sees to its own sale.
    private func noteArchived(_ redis: BlockingRedis, now: Instant) throws {
        guard now >= nextArchiveNote else { return }
        nextArchiveNote = now.advanced(milliseconds: Self.archiveNoteMilliseconds)
        do {
            // Not those that this Redis has: such a one may be another sale of the name.
            let known = present.union(try redis.archivedSales())
            try redis.note(archived: store.archivedSales().filter { !known.contains($0) })
            archiveNoteFailed = false
        } catch let error where Self.concernsOneSale(error) {
            if !archiveNoteFailed { log.write(.error, "archived_not_noted") { $0.appendMember("message", "\(error)") } }
            archiveNoteFailed = true
        }
    }

    private func begin(_ sale: SaleID, _ redis: BlockingRedis, now: Instant) throws {
        try ForeignSale.refuse(sale, store, on: redis)
        try fence.removeForeignStamp(sale, on: redis)
        // A sale whose stream is gone has nothing to read, and making a group would create an empty stream.
        guard try redis.hasStream(sale) else {
            fence.invalidate(sale)
            try fence.check(sale, on: redis, now: now)
            return
        }
        try reader.begin(sale, after: store.lastTakenIn(sale) ?? .zero, on: redis)
        guard asideUntil[sale] == nil else { return }
        log.write(.info, "sale_found") { $0.appendMember("sale", sale) }
    }

    /// Whether a pass failed only because Redis has freed a sale, as archiving does, since it was asked for its sales.
    /// Its stream is read no more.
    private func forgetFreed(after error: any Error) -> Bool {
        guard let redis, (error as? RedisError)?.code == .noGroup else { return false }
        let freed = reader.sales.filter { (try? redis.hasStream($0)) == false }
        guard !freed.isEmpty else { return false }
        for sale in freed { reader.end(sale) }
        reader.restart()
        nextDiscovery = Instant(nanoseconds: 0)
        return true
    }

    /// Works on one sale so that its trouble stays its own, such as a key of another type: that sets the sale aside for
    /// a second, and the others go on. It is logged once, until the sale has recovered.
    private func containingFailures(
        of sale: SaleID, on redis: BlockingRedis, now: Instant, _ work: () throws -> Void
    ) throws {
        if let until = asideUntil[sale], now < until { return }
        // All sales together may take longer than the lease lasts.
        try lease.hold(on: redis, now: .now)
        do {
            try work()
        } catch let error where Self.concernsOneSale(error) {
            if asideUntil.updateValue(now.advanced(milliseconds: Self.asideMilliseconds), forKey: sale) == nil {
                log.write(.error, "sale_set_aside") {
                    $0.appendMember("sale", sale)
                    $0.appendMember("message", "\(error)")
                    $0.appendMember("hint", "it is tried again every second; the other sales go on")
                }
            }
            reader.end(sale)
        }
    }

    private static func concernsOneSale(_ error: any Error) -> Bool {
        guard let error = error as? RedisError else { return error is ForeignSale }
        return switch error.code {
        // Redis refuses what would need more memory; the other sales' entries can be stored, which makes room.
        case .other, .unexpectedReply, .outOfMemory: true
        default: false
        }
    }

    /// Marks a sale as recovered that has worked without trouble for long enough since it was set aside.
    private func recover(_ sale: SaleID, now: Instant) {
        guard let until = asideUntil[sale], now >= until.advanced(milliseconds: Self.recoveredMilliseconds) else {
            return
        }
        asideUntil[sale] = nil
        log.write(.info, "sale_recovered") { $0.appendMember("sale", sale) }
    }

    /// Brings back sales that SQLite has and Redis has forgotten.
    private func restoreLost(_ redis: BlockingRedis, now: Instant) throws {
        let missing = Set(try store.unarchivedSales()).subtracting(present)
        for sale in missing {
            if !lost.contains(sale) {
                log.write(.error, "sale_lost") {
                    $0.appendMember("sale", sale)
                    $0.appendMember("hint", "Redis has forgotten it; it is completed from SQLite")
                }
            }
            try containingFailures(of: sale, on: redis, now: now) {
                // Perhaps only the list of all sales has forgotten it.
                guard try !redis.relist(sale) else { return }
                fence.invalidate(sale)
                try fence.check(sale, on: redis, now: now)
            }
        }
        lost = missing
    }

    // MARK: Reading

    private func readPending(_ redis: BlockingRedis, now: Instant) throws {
        let behind = reader.sales.filter { !reader.isCaughtUp($0) }
        for sale in behind {
            try containingFailures(of: sale, on: redis, now: now) {
                if let pending = try reader.pending(sale, among: behind.count, on: redis) {
                    if let stuck = try processor.process(sale, pending, on: redis) { reader.leave(stuck, of: sale) }
                } else {
                    try processor.noteMoved(sale, on: redis)
                }
            }
        }
    }

    /// Returns the sales that had new entries.
    private func readNew(_ redis: BlockingRedis, now: Instant) throws -> Set<SaleID> {
        let batches = try reader.new(on: redis)
        for (sale, entries) in batches {
            try containingFailures(of: sale, on: redis, now: now) { try processor.process(sale, entries, on: redis) }
        }
        return Set(batches.map(\.sale))
    }

    // MARK: Measuring

    /// Measures the sales, and looks for damage to those whose fence is lifted.
    private func measure(_ redis: BlockingRedis, now: Instant) throws {
        guard now >= nextMeasurement else { return }
        nextMeasurement = now.advanced(milliseconds: Self.measureMilliseconds)
        measureSales(redis)
        for sale in reader.sales {
            try containingFailures(of: sale, on: redis, now: now) {
                try ForeignSale.refuse(sale, store, on: redis)
                let confirmed = try redis.witnessed(sale)
                // Read after that: no position is confirmed before it is given.
                let status = try redis.status(sale, allowingGaps: true)
                try fence.watch(sale, status, confirmed: confirmed, on: redis)
            }
        }
        // Also those that are not read: a sale without its stream is worked on, too.
        for sale in asideUntil.keys { recover(sale, now: now) }
    }

    /// Includes the sales that are not read: the backlog of one that is set aside grows, and one without its stream
    /// sells nothing. They are measured also while nothing can be stored, because that is when somebody asks.
    private func measureSales(_ redis: BlockingRedis) {
        metrics.figures = [:]
        for sale in present.union(lost) {
            metrics.figures[sale] = SaleFigures(of: sale, isSetAside: asideUntil[sale] != nil, store, on: redis)
        }
    }

    // MARK: Failures

    /// Returns how many milliseconds to wait before the next pass.
    private func failed(_ error: any Error, now: Instant) -> Int {
        if let error = error as? RedisError {
            switch error.code {
            case .noGroup:
                // Somebody destroyed the group. It is made again from the start, and what is stored is known as stored.
                for sale in reader.sales { reader.end(sale) }
                nextDiscovery = Instant(nanoseconds: 0)
            case .unconfirmed: break
            default: redis = nil
            }
        }
        reader.restart()
        if let redis, now >= nextMeasurement {
            nextMeasurement = now.advanced(milliseconds: Self.measureMilliseconds)
            measureSales(redis)
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
