import EventLoop
import RedisClient
import Shared

/// Answers for sales that are sold out, from memory, as Redis would.
///
/// Once nothing is left, nothing but a restock can change what anybody is told, and that is what nearly all of a stampede asks. A
/// sale is held here only when all of its winners are (`WinnerReader`); otherwise Redis is asked. Whether that still holds is
/// asked again every tenth of a second in which somebody presses; `Freshness` says what may be told meanwhile.
final class EdgeCache {
    /// How old what is known may be before Redis is asked again.
    private static let freshMilliseconds = 100
    /// Shortly before its end a sale is Redis' again: by its clock, not ours.
    private static let endMilliseconds = 1000
    /// Memory for all sales: the 10,000 winners of a Thursday take 1.6 MB. One more may be read meanwhile.
    private static let bytesMax = 16 << 20
    /// A sale that nobody has pressed for lately makes room for one that is.
    private static let idleMilliseconds = 10_000

    /// A sale that was seen sold out.
    private final class Entry {
        let sale: SaleID
        /// All winners; nil while they are not known.
        var settled: SoldOutSale?
        /// As Redis last confirmed it, and when it was asked; nil until then.
        var status: SaleStatus?
        var confirmedAt = Instant(nanoseconds: 0)
        /// When Redis was asked and said that it must not sell the sale yet, or has lost it.
        var unservedAt: Instant?
        var asking = false
        var askedAt: Instant?
        /// What could not be held, so that it is not tried again.
        var refused: SoldOutSale.Version?

        init(_ sale: SaleID) { self.sale = sale }
    }

    private let loop: EventLoop
    private let redis: AsyncRedis
    private let seenSales: SeenSales
    private let witnesses: Witnesses
    private let log: Log
    private let isOn: Bool
    private var entries: [SaleID: Entry] = [:]
    private var reader: WinnerReader?
    private var readyAt = Instant(nanoseconds: 0)
    /// Purchases answered from memory.
    private(set) var hits = 0

    init(loop: EventLoop, redis: AsyncRedis, seenSales: SeenSales, witnesses: Witnesses, log: Log, isOn: Bool) {
        self.loop = loop
        self.redis = redis
        self.seenSales = seenSales
        self.witnesses = witnesses
        self.log = log
        self.isOn = isOn
    }

    /// Sales that are held.
    var count: Int { entries.values.count { $0.settled != nil } }

    // MARK: Answering

    /// What Redis would decide; nil where it must be asked.
    func decide(_ sale: SaleID, _ buyer: Span<UInt8>, _ key: Span<UInt8>, quantity: Int) -> Decision? {
        guard !entries.isEmpty, let entry = entries[sale], let settled = entry.settled, isOpen(entry),
            let maxPerBuyer = entry.status?.maxPerBuyer
        else { return nil }
        let use = use(entry)
        guard use != .nothing else { return nil }
        let decision = settled.decide(buyer, key, quantity: quantity, maxPerBuyer: maxPerBuyer)
        switch decision {
        case .replayed, .keyReused: break
        default: guard use == .everything else { return nil }
        }
        hits += 1
        return decision
    }

    /// A sale that is sold out, as anyone may see it while Redis can't be asked.
    func status(_ sale: SaleID) -> SaleStatus? {
        guard let entry = entries[sale], entry.settled != nil, var status = entry.status, isOpen(entry),
            use(entry) == .everything
        else { return nil }
        status.readAt = now(entry)
        return status
    }

    private func use(_ entry: Entry) -> Freshness.Use {
        if redis.isReady { ask(entry) }
        return Freshness(
            age: age(entry.confirmedAt), isReady: redis.isReady, readyFor: age(readyAt),
            unservedFor: entry.unservedAt.map(age)
        ).use
    }

    private func age(_ instant: Instant) -> Int { loop.now.microseconds(since: instant) / 1000 }

    /// Redis' clock, carried on by ours.
    private func now(_ entry: Entry) -> UnixMilliseconds {
        UnixMilliseconds((entry.status?.readAt.value ?? 0) + age(entry.confirmedAt))
    }

    /// Member by member: a copy of the status, with its texts, is a twentieth of an answer's instructions.
    private func isOpen(_ entry: Entry) -> Bool {
        guard entry.status != nil else { return false }
        let now = now(entry)
        if let closesAt = entry.status?.closesAt, now.value >= closesAt.value - Self.endMilliseconds { return false }
        if let opensAt = entry.status?.opensAt, now < opensAt { return false }
        return true
    }

    // MARK: Knowing

    /// Redis has decided a batch, and its replicas know it: `remaining` units are left behind `position`, the last that anybody
    /// in the batch has.
    func decided(_ sale: SaleID, position: Int, remaining: Int) {
        guard isOn else { return }
        if let held = entries[sale]?.settled, remaining > 0 || position > held.version.position {
            // Whoever is told of this must not be denied it by what was known before.
            entries[sale]?.settled = nil
        }
        guard remaining == 0 else { return }
        let entry = entries[sale] ?? Entry(sale)
        entries[sale] = entry
        if entry.settled == nil { ask(entry) }
    }

    /// Redis is there again: it is asked at once what has become of the sales that are held.
    func redisBecameReady() {
        readyAt = loop.now
        for entry in entries.values where entry.settled != nil { ask(entry) }
    }

    /// Asks what there is to know of a sale, unless that has just been done.
    private func ask(_ entry: Entry) {
        guard redis.isReady, !entry.asking, entry.askedAt.map({ age($0) >= Self.freshMilliseconds }) ?? true else {
            return
        }
        let askedAt = loop.now
        entry.askedAt = askedAt
        entry.asking = true
        redis.status(of: entry.sale) { [weak self] finding in
            entry.asking = false
            self?.heard(entry, finding, askedAt)
        }
    }

    private func heard(_ entry: Entry, _ finding: SaleFinding, _ askedAt: Instant) {
        switch finding {
        case .incomplete, .nothing: break
        case .noSuchSale where !seenSales.contains(entry.sale): entries[entry.sale] = nil
        case .noSuchSale: entry.unservedAt = askedAt
        case .confirmed(let status):
            guard let runID = redis.runID else { return }
            guard status.servingRunID == runID else { return entry.unservedAt = askedAt }
            entry.unservedAt = nil
            entry.status = status
            entry.confirmedAt = askedAt
            let version = SoldOutSale.Version(status)
            if entry.settled?.version != version || !isOpen(entry) { entry.settled = nil }
            guard let version, entry.settled == nil, entry.refused != version, isOpen(entry) else { return }
            read(entry, version)
        }
    }

    // MARK: Holding

    /// Reads the winners of one sale at a time: how much is read at once is bounded, and the others ask again.
    private func read(_ entry: Entry, _ version: SoldOutSale.Version) {
        guard reader == nil else { return }
        guard let empty = SoldOutSale(version) else {
            return refuse(entry, version, "it has more winners than are held")
        }
        let askedAt = loop.now
        let reader = WinnerReader(entry.sale, into: empty, redis: redis) { [weak self] outcome in
            guard let self else { return }
            self.reader = nil
            switch outcome {
            case .read(let settled, let status): hold(entry, settled, status, askedAt)
            case .refused(let reason): refuse(entry, version, reason)
            case .interrupted: break
            }
        }
        self.reader = reader
        reader.start()
    }

    private func hold(_ entry: Entry, _ settled: SoldOutSale, _ status: SaleStatus, _ askedAt: Instant) {
        guard makeRoom(for: settled.bytes) else {
            return refuse(entry, settled.version, "other sales that are sold out take the room")
        }
        entry.settled = settled
        entry.status = status
        entry.confirmedAt = askedAt
        // From here on this process tells these wins, so it stands witness to them.
        witnesses.told(entry.sale, uuid: settled.version.uuid, position: settled.version.position, remaining: 0)
        log.write(.info, "sale_held") {
            $0.appendMember("sale", "\(entry.sale)")
            $0.appendMember("position", settled.version.position)
            $0.appendMember("bytes", settled.bytes)
        }
    }

    private func refuse(_ entry: Entry, _ version: SoldOutSale.Version, _ reason: String) {
        entry.refused = version
        log.write(.warning, "sale_not_held") {
            $0.appendMember("sale", "\(entry.sale)")
            $0.appendMember("reason", reason)
        }
    }

    /// Lets go of sales that nobody presses for any more; false where that is not enough.
    private func makeRoom(for bytes: Int) -> Bool {
        var total = bytes + entries.values.reduce(0) { $0 + ($1.settled?.bytes ?? 0) }
        for entry in entries.values.sorted(by: { $0.confirmedAt < $1.confirmedAt }) where total > Self.bytesMax {
            guard age(entry.confirmedAt) > Self.idleMilliseconds else { return false }
            total -= entry.settled?.bytes ?? 0
            entry.settled = nil
        }
        return total <= Self.bytesMax
    }
}
