import EventLoop
import RedisClient
import Shared

/// Answers for sales that are sold out, from memory, as Redis would.
///
/// Once nothing is left, no answer but a restock can change what anybody is told, and that is what nearly all of a stampede asks.
/// A sale is held here only when all of its winners are: positions 1 to the last, each with its buyer, and Redis has said,
/// confirmed by its replicas, both before and after they were read that nothing was left. Otherwise Redis is asked.
///
/// Redis is asked again whether that still holds, every tenth of a second in which somebody wants to know. While it answers, what
/// is said here is at most a second old: so long may it take until a restock, new times or a new epoch are heard of. While it
/// does not, or has not been reconciled yet, a win is told for ever, and "sold out" for five minutes.
final class EdgeCache {
    /// How old what is known may be before Redis is asked again.
    private static let freshMilliseconds = 100
    /// How old it may be while Redis answers.
    private static let staleMilliseconds = 1000
    /// How old "sold out" may be while Redis does not. A process that is cut off from a Redis with which others go on may be
    /// wrong for so long, after a restock; a failover takes ten seconds.
    private static let outageMilliseconds = 300_000
    /// Shortly before its end a sale is Redis' again: by its clock, not ours.
    private static let endMilliseconds = 1000
    /// Fields asked for at once: reading them takes half a millisecond.
    private static let fieldsPerScan = 250
    /// Memory for all sales: ten with the 10,000 winners of a Thursday.
    private static let bytesMax = 16 << 20

    /// A sale that was seen sold out.
    private final class Entry {
        let sale: SaleID
        /// All winners; nil while they are not known.
        var settled: SettledSale?
        /// As Redis last confirmed it, and when it was asked; nil until then.
        var status: SaleStatus?
        var confirmedAt = Instant(nanoseconds: 0)
        /// Redis holds the sale, but must not sell from it yet.
        var fenced = false
        var asking = false
        var askedAt: Instant?
        /// Winners that are being read.
        var loading: SettledSale?
        /// What could not be held, so that it is not tried again.
        var refused: SettledSale.Version?

        init(_ sale: SaleID) { self.sale = sale }
    }

    private let loop: EventLoop
    private let redis: AsyncRedis
    private let isOn: Bool
    private var entries: [SaleID: Entry] = [:]
    /// Purchases answered from memory.
    private(set) var hits = 0

    init(loop: EventLoop, redis: AsyncRedis, isOn: Bool) {
        self.loop = loop
        self.redis = redis
        self.isOn = isOn
    }

    /// Sales that are held.
    var count: Int { entries.values.count { $0.settled != nil } }

    // MARK: Answering

    /// What Redis would decide; nil where it must be asked.
    func decide(_ sale: SaleID, _ buyer: Span<UInt8>, _ key: Span<UInt8>, quantity: Int) -> Decision? {
        guard !entries.isEmpty, let entry = entries[sale], let settled = entry.settled, let age = usableAge(entry),
            let status = entry.status
        else { return nil }
        let decision = settled.decide(buyer, key, quantity: quantity, maxPerBuyer: status.maxPerBuyer)
        switch decision {
        case .replayed, .keyReused: break
        default: guard age <= Self.outageMilliseconds else { return nil }
        }
        hits += 1
        return decision
    }

    /// A sale that is sold out, as anyone may see it while Redis can't be asked.
    func status(_ sale: SaleID) -> SaleStatus? {
        guard let entry = entries[sale], entry.settled != nil, let age = usableAge(entry),
            age <= Self.outageMilliseconds,
            var status = entry.status
        else { return nil }
        status.readAt = now(entry, status)
        return status
    }

    /// Milliseconds since what is known of a sale was confirmed; nil where it must not be used any more.
    private func usableAge(_ entry: Entry) -> Int? {
        let age = loop.now.microseconds(since: entry.confirmedAt) / 1000
        if redis.isReady {
            ask(entry)
            guard age <= Self.staleMilliseconds || entry.fenced else { return nil }
        }
        guard let status = entry.status else { return nil }
        let now = now(entry, status)
        if let closesAt = status.closesAt, now.value >= closesAt.value - Self.endMilliseconds { return nil }
        if let opensAt = status.opensAt, now < opensAt { return nil }
        return age
    }

    /// Redis' clock, carried on by ours.
    private func now(_ entry: Entry, _ status: SaleStatus) -> UnixMilliseconds {
        UnixMilliseconds(status.readAt.value + loop.now.microseconds(since: entry.confirmedAt) / 1000)
    }

    // MARK: Knowing

    /// Redis has decided, and its replicas know it, that nothing is left.
    func sawSoldOut(_ sale: SaleID) {
        guard isOn else { return }
        let entry = entries[sale] ?? Entry(sale)
        entries[sale] = entry
        if entry.settled == nil, entry.loading == nil { ask(entry) }
    }

    /// Asks what there is to know of a sale, unless that has just been done.
    private func ask(_ entry: Entry) {
        guard redis.isReady, !entry.asking else { return }
        if let askedAt = entry.askedAt, loop.now < askedAt.advanced(milliseconds: Self.freshMilliseconds) { return }
        entry.askedAt = loop.now
        read(entry) { [weak self] in self?.heard(entry, $0) }
    }

    /// What asking Redis for a sale came to.
    private enum Finding {
        /// The sale, as the replicas know it too.
        case confirmed(SaleStatus)
        case noSuchSale
        /// Redis did not say, or said what can't be relied on.
        case nothing
    }

    /// Asks for a sale; `done` is told once, and of a sale only when its replicas have what was read.
    private func read(_ entry: Entry, _ done: @escaping (Finding) -> Void) {
        entry.asking = true
        let keys = SaleKeys(entry.sale)
        let call = ScriptCall(.status)
        call.begin(keys: [keys.sale, keys.stock, keys.position], [])
        var finding = Finding.nothing
        redis.run(
            call,
            { [sale = entry.sale] answer in
                switch answer {
                case .failure:
                    entry.asking = false
                    done(.nothing)
                case .reply(let value):
                    do throws(RedisError) {
                        finding = try SaleStatus(sale: sale, value).map(Finding.confirmed) ?? .noSuchSale
                    } catch {
                        // It lacks a part, and can't be answered from.
                    }
                }
            },
            confirmed: { confirmation in
                entry.asking = false
                done(confirmation == .confirmed ? finding : .nothing)
            })
    }

    private func heard(_ entry: Entry, _ finding: Finding) {
        guard case .confirmed(let status) = finding else {
            if case .noSuchSale = finding { entries[entry.sale] = nil }
            return
        }
        entry.fenced = status.servingRunID != redis.runID
        guard !entry.fenced else { return }
        let version = SettledSale.Version(status)
        if let held = entry.settled?.version, held != version { entry.settled = nil }
        entry.status = status
        entry.confirmedAt = entry.askedAt ?? loop.now
        if let version, entry.settled == nil, entry.loading == nil, entry.refused != version { load(entry, version) }
    }

    // MARK: Loading

    private func load(_ entry: Entry, _ version: SettledSale.Version) {
        guard let empty = SettledSale(version) else {
            entry.refused = version
            return
        }
        entry.loading = empty
        scan(entry, from: "0")
    }

    private func scan(_ entry: Entry, from cursor: String) {
        guard redis.isReady else { return entry.loading = nil }
        let arguments: [RedisArgument] = [
            "HSCAN", RedisArgument(SaleKeys(entry.sale).buyers), RedisArgument(cursor), "COUNT",
            RedisArgument(Self.fieldsPerScan),
        ]
        redis.send(arguments, "HSCAN") { [weak self] answer in
            guard let self, case .reply(let value) = answer, value.count == 2, let next = value[0].string else {
                return entry.loading = nil
            }
            let fields = value[1]
            guard add(fields, to: entry) else { return refuse(entry) }
            if next == "0" { conclude(entry) } else { scan(entry, from: next) }
        }
    }

    private func add(_ fields: borrowing RedisValue, to entry: Entry) -> Bool {
        for index in stride(from: 0, to: fields.count - 1, by: 2) {
            let isWinner = fields[index].withBytes { buyer in
                fields[index + 1].withBytes { wins in
                    guard let buyer, let wins else { return false }
                    return entry.loading?.add(buyer, wins) == true
                }
            }
            guard isWinner else { return false }
        }
        return true
    }

    /// What has been read is all there is if nothing has changed meanwhile.
    private func conclude(_ entry: Entry) {
        guard let loaded = entry.loading, loaded.isComplete, makeRoom(for: loaded.bytes) else { return refuse(entry) }
        guard redis.isReady else { return entry.loading = nil }
        let askedAt = loop.now
        read(entry) { [weak self] finding in
            guard let self else { return }
            entry.loading = nil
            guard case .confirmed(let status) = finding, status.servingRunID == redis.runID,
                SettledSale.Version(status) == loaded.version
            else { return }
            entry.settled = loaded
            entry.status = status
            entry.askedAt = askedAt
            entry.confirmedAt = askedAt
        }
    }

    private func refuse(_ entry: Entry) {
        entry.refused = entry.loading?.version
        entry.loading = nil
    }

    /// Lets go of the sales that were least lately asked for.
    private func makeRoom(for bytes: Int) -> Bool {
        guard bytes <= Self.bytesMax else { return false }
        var total = bytes + entries.values.reduce(0) { $0 + ($1.settled?.bytes ?? 0) }
        for entry in entries.values.sorted(by: { $0.confirmedAt < $1.confirmedAt }) where total > Self.bytesMax {
            total -= entry.settled?.bytes ?? 0
            entry.settled = nil
        }
        return true
    }
}
