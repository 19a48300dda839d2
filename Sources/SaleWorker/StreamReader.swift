import EventLoop
import OrderStore
import RedisClient
import Shared

/// Takes entries of the sales' streams through the consumer group, in the order that loses none: first what this worker
/// was given and has not acknowledged, then what another worker left behind, then what is new.
///
/// A value: it knows how far each sale has been read, and asks the Redis that it is handed.
struct StreamReader {
    /// Entries taken at once (more where more streams have some than the last time); those of one stream are one SQLite
    /// transaction. Each time costs Redis two fsyncs (reading and acknowledging are writes) and SQLite one, so many at once are
    /// what makes a backlog drain fast; acknowledge.lua may take up to 8000 (LUAI_MAXCSTACK). At 2 KB an entry these are 8 MB for the
    /// 60 ms that they take.
    static let entriesMax = 4000
    /// A stream's share of these at least, where there are many: of fewer it would be the fsyncs that take the time.
    private static let shareMin = 250
    /// Milliseconds that an entry has been with another consumer before it is taken over, and how often that is looked at.
    /// Only one worker runs at a time (`StoreLock`), so the other one is gone; the second spares an entry that was delivered
    /// to it just before.
    private static let claimMilliseconds = 1000

    private enum Phase {
        case ownPending
        /// The cursor of XAUTOCLAIM.
        case claiming(String)
        case new
    }

    private let consumer: RedisArgument
    private var phases: [SaleID: Phase] = [:]
    private var nextClaim = Instant(nanoseconds: 0)
    /// Streams that had new entries when they were last asked for; nil where none had, or that has not been.
    private var busy: Int?

    init(consumer: String) { self.consumer = RedisArgument(consumer) }

    /// The sales it reads.
    var sales: [SaleID] { phases.keys.sorted { $0.description < $1.description } }

    /// Entries taken from each of so many streams at once.
    private static func share(of streams: Int) -> RedisArgument {
        RedisArgument(max(shareMin, entriesMax / max(1, streams)))
    }

    /// Starts reading a sale behind the last entry that is stored, making the group where there is none.
    ///
    /// From entry 0, never `$`: a group that began at the end would skip what is there. A group that is ahead of what is
    /// stored (the database was restored from an older copy) is set back: what it has acknowledged is not there any more.
    mutating func begin(_ sale: SaleID, after stored: String, on redis: BlockingRedis) throws(RedisError) {
        guard phases[sale] == nil else { return }
        // Looked for first: a Redis without memory refuses to make a group, also one that is there.
        if let delivered = try redis.progress(of: sale)?.lastDelivered {
            if StreamID(stored) < StreamID(delivered), !PlantedBug.noSetBack.isActive {
                try redis.command(["XGROUP", "SETID", Self.stream(sale), Self.group, RedisArgument(stored)])
            }
        } else {
            let start: RedisArgument = PlantedBug.groupFromEnd.isActive ? "$" : "0"
            try redis.command(["XGROUP", "CREATE", Self.stream(sale), Self.group, start])
        }
        phases[sale] = .ownPending
    }

    /// Forgets a sale that Redis no longer has, or whose group is gone.
    mutating func end(_ sale: SaleID) { phases[sale] = nil }

    /// Forgets how far everything was read: on a new connection, or when something was not stored.
    mutating func restart() {
        phases = phases.mapValues { _ in .ownPending }
        busy = nil
    }

    /// Looks again, once a second, for what another worker has left behind: it may have been too fresh the last time.
    mutating func claimAgain(now: Instant) {
        guard now >= nextClaim else { return }
        nextClaim = now.advanced(milliseconds: Self.claimMilliseconds)
        for sale in sales where isCaughtUp(sale) { phases[sale] = .claiming("0-0") }
    }

    /// Whether everything older has been read, and only new entries are left to come.
    func isCaughtUp(_ sale: SaleID) -> Bool {
        if case .new? = phases[sale] { true } else { false }
    }

    /// The next older entries of a sale that is not caught up, maybe none; nil where this worker has acknowledged all that it
    /// was given. It is one of `streams` that are asked for such.
    mutating func older(
        _ sale: SaleID, among streams: Int, on redis: BlockingRedis
    ) throws(RedisError) -> [StreamEntry]? {
        let share = Self.share(of: streams)
        switch phases[sale] {
        case nil, .new?: return []
        case .ownPending?:
            let reply = try redis.command([
                "XREADGROUP", "GROUP", Self.group, consumer, "COUNT", share, "STREAMS", Self.stream(sale), "0",
            ])
            let entries = try Self.streams(reply.value, of: [sale]).first?.entries ?? []
            guard entries.isEmpty else { return entries }
            phases[sale] = .claiming("0-0")
            return nil
        case .claiming(let cursor)?:
            let reply = try redis.command([
                "XAUTOCLAIM", Self.stream(sale), Self.group, consumer, RedisArgument(Self.claimMilliseconds),
                RedisArgument(cursor), "COUNT", share,
            ])
            let value = reply.value
            guard value.count >= 2, let next = value[0].string else {
                throw RedisError(.unexpectedReply, "XAUTOCLAIM", "not a cursor and entries")
            }
            phases[sale] = next == "0-0" ? .new : .claiming(next)
            // Redis 7.0 takes entries that were deleted off the pending list by itself, and only says so (XAUTOCLAIM).
            let deleted = value.count > 2 ? value[2].strings : []
            return try Self.entries(value[1]) + deleted.map { StreamEntry(id: $0, fields: nil) }
        }
    }

    /// New entries of every sale that is caught up. Without waiting for one: a worker that Redis keeps waiting answers
    /// nobody else.
    mutating func new(on redis: BlockingRedis) throws(RedisError) -> [(sale: SaleID, entries: [StreamEntry])] {
        let ready = sales.filter(isCaughtUp)
        guard !ready.isEmpty else { return [] }
        let option: [RedisArgument] = PlantedBug.noAckRead.isActive ? ["NOACK"] : []
        let reply = try redis.command(
            ["XREADGROUP", "GROUP", Self.group, consumer, "COUNT", Self.share(of: busy ?? ready.count)]
                + option + ["STREAMS"] + ready.map(Self.stream) + ready.map { _ in ">" })
        let streams = try Self.streams(reply.value, of: ready)
        busy = streams.isEmpty ? nil : streams.count
        return streams
    }

    /// Whether the group has been given an entry, and none of its consumers has it any more.
    static func isAcknowledged(_ sale: SaleID, _ id: String, on redis: BlockingRedis) throws(RedisError) -> Bool {
        guard let progress = try redis.progress(of: sale), StreamID(id) <= StreamID(progress.lastDelivered) else {
            return false
        }
        return try deliveries(sale, id, id, 1, [], on: redis).isEmpty
    }

    /// How often an entry has been delivered.
    static func deliveries(
        _ sale: SaleID, _ id: String, on redis: BlockingRedis
    ) throws(RedisError) -> Int {
        try deliveries(sale, id, id, 1, [], on: redis)[id] ?? 1
    }

    /// How often each of a consumer's pending entries has been delivered; `entries` are some of them, in order.
    static func deliveries(
        _ sale: SaleID, _ entries: [StreamEntry], to consumer: String, on redis: BlockingRedis
    ) throws(RedisError) -> [String: Int] {
        // Deleted ones come behind the others, and are off the list.
        let there = entries.filter { $0.fields != nil }
        guard let first = there.first?.id, let last = there.last?.id else { return [:] }
        return try deliveries(sale, first, last, entries.count, [RedisArgument(consumer)], on: redis)
    }

    private static func deliveries(
        _ sale: SaleID, _ first: String, _ last: String, _ count: Int, _ consumer: [RedisArgument],
        on redis: BlockingRedis
    ) throws(RedisError) -> [String: Int] {
        let reply = try redis.command(
            ["XPENDING", stream(sale), group, RedisArgument(first), RedisArgument(last), RedisArgument(count)]
                + consumer)
        let value = reply.value
        var deliveries: [String: Int] = [:]
        for index in 0..<value.count {
            let line = value[index]
            guard line.count == 4, let id = line[0].string else { continue }
            deliveries[id] = line[3].integer
        }
        return deliveries
    }

    /// When the first entry behind `id` was added, in milliseconds by Redis' clock; nil where there is none.
    static func oldest(_ sale: SaleID, after id: String, on redis: BlockingRedis) throws(RedisError) -> Int? {
        let reply = try redis.command(["XRANGE", stream(sale), RedisArgument("(\(id)"), "+", "COUNT", "1"])
        let entries = reply.value
        guard entries.count == 1 else { return nil }
        return entries[0][0].string.map { StreamID($0).milliseconds }
    }

    // MARK: Replies

    private static let group = RedisArgument(SaleKeys.group)

    private static func stream(_ sale: SaleID) -> RedisArgument { RedisArgument(SaleKeys(sale).orders) }

    /// The array of XREADGROUP: for each stream that has some, its name and its entries; nil where none has.
    private static func streams(
        _ value: borrowing RedisValue, of sales: [SaleID]
    ) throws(RedisError) -> [(sale: SaleID, entries: [StreamEntry])] {
        if value.isNil { return [] }
        var result: [(sale: SaleID, entries: [StreamEntry])] = []
        for index in 0..<value.count {
            let stream = value[index]
            guard stream.count == 2, let name = stream[0].string,
                let sale = sales.first(where: { SaleKeys($0).orders == name })
            else { throw RedisError(.unexpectedReply, "XREADGROUP", "not a stream that was asked for") }
            result.append((sale, try entries(stream[1])))
        }
        return result
    }

    private static func entries(_ value: borrowing RedisValue) throws(RedisError) -> [StreamEntry] {
        var result: [StreamEntry] = []
        for index in 0..<value.count {
            let entry = value[index]
            guard entry.count == 2, let id = entry[0].string else {
                throw RedisError(.unexpectedReply, "XREADGROUP", "not an entry")
            }
            let fields = entry[1]
            guard fields.isArray else {
                // A nil in place of the fields: deleted (XDEL, XTRIM) while it was pending.
                result.append(StreamEntry(id: id, fields: nil))
                continue
            }
            var bytes: [[UInt8]] = []
            for at in 0..<fields.count { bytes.append(fields[at].bytes ?? []) }
            result.append(StreamEntry(id: id, fields: bytes))
        }
        return result
    }
}
