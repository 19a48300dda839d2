import EventLoop
import RedisClient
import Shared

/// Answers sold-out sales from memory, as Redis would.
///
/// Once nothing is left, only a restock can change an answer, and "sold out" is what nearly all of a stampede asks for.
/// A sale is held here only if all of its winners are (`WinnerReader`); otherwise Redis is asked. While buyers press,
/// Redis is asked every tenth of a second whether that still holds, and twice a second if nobody does; `Freshness` says
/// what may be answered meanwhile.
final class EdgeCache {
    /// Age at which Redis is asked again.
    private static let freshMilliseconds = 100
    /// How often Redis is asked about a held sale in which nobody presses. What is known when Redis goes away is told
    /// until it is back, and must not be from before a restock whose units other processes have sold.
    private static let unpressedMilliseconds = Freshness.staleMilliseconds / 2
    /// About how many at once: each is a script call of some 20 µs on the Redis that all processes share. If more are
    /// held, a round takes longer.
    private static let unpressedMax = 32
    /// Shortly before its end a sale is Redis' again: its clock decides, not ours.
    private static let endMilliseconds = 1000
    /// Memory for all held sales: the 10,000 winners of a Thursday take 1.6 MB. One more sale may be being read
    /// meanwhile.
    private static let bytesMax = 16 << 20
    /// Buyers of a sale who may have won: half a mebibyte. Each time that Redis goes away adds a batch of them at most.
    private static let doubtfulMax = 16_384
    /// A sale in which nobody has pressed for this long makes room for another.
    private static let idleMilliseconds = 10_000

    /// A sale that Redis called sold out.
    private final class Entry {
        enum State {
            /// Its winners are not known.
            case unread
            /// All of its winners, and what Redis last confirmed.
            case held(SoldOutSale, ConfirmedStatus)
            /// This version can't be held, so it is not read again.
            case refused(SoldOutSale.Version)
        }

        let sale: SaleID
        var state = State.unread
        /// When somebody pressed last.
        var pressedAt = Instant(nanoseconds: 0)
        /// When Redis was asked about it last, and whether the answer is still to come.
        var askedAt = Instant(nanoseconds: 0)
        var isAsked = false
        /// When Redis was asked and answered that it must not sell the sale yet, or has lost it; nil after it sells
        /// again.
        var unservedAt: Instant?
        /// Buyers who may have won after Redis confirmed what is held, and when they were added last.
        var doubtful: Set<UInt64> = []
        var doubtedAt = Instant(nanoseconds: 0)

        init(_ sale: SaleID) { self.sale = sale }

        var soldOut: SoldOutSale? { if case .held(let soldOut, _) = state { soldOut } else { nil } }
        var isHeld: Bool { soldOut != nil }
        func isDoubtful(_ hash: UInt64) -> Bool { !doubtful.isEmpty && doubtful.contains(hash) }
    }

    /// What Redis said of a sale, confirmed by its replicas. A class, as a copy of the status, with its texts, is a
    /// twentieth of an answer's instructions.
    private final class ConfirmedStatus {
        let status: SaleStatus
        let askedAt: Instant

        init(_ status: SaleStatus, askedAt: Instant) {
            self.status = status
            self.askedAt = askedAt
        }
    }

    private let loop: EventLoop
    private let redis: AsyncRedis
    private let seenSales: SeenSales
    private let log: Log
    private let isOn: Bool
    private let witnesses: Witnesses
    private var entries: [SaleID: Entry] = [:]
    private var reader: WinnerReader?
    private var readyAt = Instant(nanoseconds: 0)
    /// Purchases answered from memory.
    private(set) var hits = 0

    init(_ context: APIContext, witnesses: Witnesses) {
        loop = context.loop
        redis = context.redis
        seenSales = context.seenSales
        log = context.log
        isOn = context.configuration.edgeCache
        self.witnesses = witnesses
        askAboutUnpressed()
    }

    /// Sales that are held.
    var count: Int { entries.values.count { $0.isHeld } }

    // MARK: Answering

    /// What Redis would decide; nil if it must be asked.
    ///
    /// - Parameter hash: the buyer's `buyerHash`.
    func decide(
        _ sale: SaleID, _ buyer: Span<UInt8>, hash: UInt64, _ key: Span<UInt8>, quantity: Int
    ) -> Decision? {
        guard !entries.isEmpty, let entry = entries[sale], case .held(let soldOut, let confirmed) = entry.state,
            isOpen(confirmed)
        else { return nil }
        let quietFor = age(entry.pressedAt)
        entry.pressedAt = loop.now
        let use = use(entry, confirmed, quietFor: quietFor)
        guard use != .nothing else { return nil }
        let decision = soldOut.decide(
            buyer, hash: hash, key, quantity: quantity, maxPerBuyer: confirmed.status.maxPerBuyer)
        switch decision {
        case .replayed, .keyReused: break
        default: guard use == .everything, !entry.isDoubtful(hash) else { return nil }
        }
        hits += 1
        return decision
    }

    /// A sold-out sale, as anyone may see it while Redis can't be asked.
    func status(_ sale: SaleID) -> SaleStatus? {
        guard let entry = entries[sale], case .held(_, let confirmed) = entry.state, isOpen(confirmed),
            use(entry, confirmed, quietFor: age(entry.pressedAt)) == .everything
        else { return nil }
        var status = confirmed.status
        status.readAt = now(confirmed)
        return status
    }

    private func use(_ entry: Entry, _ confirmed: ConfirmedStatus, quietFor: Int) -> Freshness.Use {
        if redis.isReady { ask(entry) }
        return Freshness(
            age: age(confirmed.askedAt), quietFor: quietFor, isReady: redis.isReady, readyFor: age(readyAt),
            unservedFor: entry.unservedAt.map(age)
        ).use
    }

    private func age(_ instant: Instant) -> Int { loop.now.microseconds(since: instant) / 1000 }

    /// Redis' clock, carried on by ours.
    private func now(_ confirmed: ConfirmedStatus) -> UnixMilliseconds {
        UnixMilliseconds(confirmed.status.readAt.value + age(confirmed.askedAt))
    }

    private func isOpen(_ confirmed: ConfirmedStatus) -> Bool {
        let now = now(confirmed)
        if let closesAt = confirmed.status.closesAt, now.value >= closesAt.value - Self.endMilliseconds {
            return false
        }
        if let opensAt = confirmed.status.opensAt, now < opensAt { return false }
        return true
    }

    // MARK: Asking

    /// Redis has decided a batch, and its replicas have it: `remaining` units are left, and `position` is the last that
    /// a buyer in the batch has.
    func decided(_ sale: SaleID, position: Int, remaining: Int) {
        guard isOn else { return }
        if let entry = entries[sale], let held = entry.soldOut, remaining > 0 || position > held.version.position {
            // A buyer who is answered this must not be denied it from what was known before.
            entry.state = .unread
        }
        guard remaining == 0 else { return }
        let entry = entries[sale] ?? Entry(sale)
        entries[sale] = entry
        entry.pressedAt = loop.now
        if !entry.isHeld { ask(entry) }
    }

    /// Purchases of these buyers are with Redis, and nobody knows what comes of them. If units have come back since it
    /// was asked, they may win. So from memory these buyers hear only of wins, until Redis has been asked again.
    func doubt(_ sale: SaleID, _ buyers: some Sequence<UInt64>) {
        guard let entry = entries[sale], entry.isHeld else { return }
        entry.doubtful.formUnion(buyers)
        entry.doubtedAt = loop.now
        if entry.doubtful.count > Self.doubtfulMax { entry.state = .unread }
    }

    /// Redis is there again: it is asked at once about every held sale.
    func redisBecameReady() {
        readyAt = loop.now
        for entry in entries.values where entry.isHeld { ask(entry) }
    }

    private func askAboutUnpressed() {
        var held = entries.values.filter(\.isHeld)
        if held.count > Self.unpressedMax { held.sort { $0.askedAt < $1.askedAt } }
        for entry in held.prefix(Self.unpressedMax) { ask(entry) }
        loop.schedule(afterMilliseconds: Self.unpressedMilliseconds) { [weak self] in self?.askAboutUnpressed() }
    }

    /// Asks Redis about a sale, unless that has just been done.
    private func ask(_ entry: Entry) {
        guard redis.isReady, !entry.isAsked, age(entry.askedAt) >= Self.freshMilliseconds else { return }
        let askedAt = loop.now
        entry.askedAt = askedAt
        entry.isAsked = true
        redis.status(of: entry.sale) { [weak self] finding in
            entry.isAsked = false
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
            confirm(entry, ConfirmedStatus(status, askedAt: askedAt))
        }
    }

    /// Keeps what is held if it is still the same version and open; reads the winners of a version that is neither held
    /// nor refused.
    private func confirm(_ entry: Entry, _ confirmed: ConfirmedStatus) {
        let version = SoldOutSale.Version(confirmed.status)
        let isOpen = isOpen(confirmed)
        switch entry.state {
        case .held(let soldOut, _) where soldOut.version == version && isOpen:
            keep(entry, soldOut, confirmed)
            return
        case .held: entry.state = .unread
        case .refused(let refused): guard refused != version else { return }
        case .unread: break
        }
        if let version, isOpen { read(entry, version) }
    }

    // MARK: Holding

    /// Reads the winners of one sale at a time, so that what is read at once is bounded; other sales ask again.
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
            case .read(let soldOut, let status): hold(entry, soldOut, ConfirmedStatus(status, askedAt: askedAt))
            case .refused(let reason): refuse(entry, version, reason)
            case .interrupted: break
            }
        }
        self.reader = reader
        reader.start()
    }

    private func hold(_ entry: Entry, _ soldOut: SoldOutSale, _ confirmed: ConfirmedStatus) {
        guard makeRoom(for: soldOut.bytes) else {
            return refuse(entry, soldOut.version, "other sales that are sold out take the room")
        }
        keep(entry, soldOut, confirmed)
        // From here on this process tells buyers of these wins, so it stands witness to them.
        witnesses.recordWin(entry.sale, uuid: soldOut.version.uuid, position: soldOut.version.position, remaining: 0)
        log.write(.info, "sale_held") {
            $0.appendMember("sale", entry.sale)
            $0.appendMember("position", soldOut.version.position)
            $0.appendMember("bytes", soldOut.bytes)
        }
    }

    private func keep(_ entry: Entry, _ soldOut: SoldOutSale, _ confirmed: ConfirmedStatus) {
        entry.state = .held(soldOut, confirmed)
        // Redis was asked after these purchases, and none of them had won.
        if confirmed.askedAt > entry.doubtedAt { entry.doubtful = [] }
    }

    private func refuse(_ entry: Entry, _ version: SoldOutSale.Version, _ reason: String) {
        entry.state = .refused(version)
        log.write(.warning, "sale_not_held") {
            $0.appendMember("sale", entry.sale)
            $0.appendMember("reason", reason)
        }
    }

    /// Drops held sales that nobody presses in any more, oldest first. Returns false if that does not make enough room.
    private func makeRoom(for bytes: Int) -> Bool {
        var held: [(entry: Entry, bytes: Int)] = []
        for entry in entries.values {
            if let soldOut = entry.soldOut { held.append((entry, soldOut.bytes)) }
        }
        var total = held.reduce(bytes) { $0 + $1.bytes }
        held.sort { $0.entry.pressedAt < $1.entry.pressedAt }
        for (entry, bytes) in held where total > Self.bytesMax {
            guard age(entry.pressedAt) > Self.idleMilliseconds else { return false }
            total -= bytes
            entry.state = .unread
        }
        return total <= Self.bytesMax
    }
}
