import EventLoop
import OrderStore
import RedisClient
import Shared

/// Takes entries of the sales' streams through the consumer group, in the order that loses none: first what this worker
/// was given and has not acknowledged, then what another worker left behind, then what is new.
///
/// A value: it knows how far each sale has been read, and asks the Redis that it is handed.
struct StreamReader {
    /// Entries taken from one stream at once, which is one SQLite transaction. At 400 bytes an entry these are 400 KB, and
    /// 10,000 winners are ten transactions.
    static let entriesMax = 1000
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

    init(consumer: String) { self.consumer = RedisArgument(consumer) }

    /// The sales it reads.
    var sales: [SaleID] { phases.keys.sorted { $0.description < $1.description } }

    /// Starts reading a sale from the group's beginning, making the group where there is none.
    ///
    /// From entry 0, never `$`: a group that began at the end would skip what is there.
    mutating func begin(_ sale: SaleID, on redis: BlockingRedis) throws(RedisError) {
        guard phases[sale] == nil else { return }
        do throws(RedisError) {
            try redis.command(["XGROUP", "CREATE", Self.stream(sale), Self.group, "0"])
        } catch {
            guard error.code == .groupExists else { throw error }
        }
        phases[sale] = .ownPending
    }

    /// Forgets a sale that Redis no longer has, or whose group is gone.
    mutating func end(_ sale: SaleID) { phases[sale] = nil }

    /// Forgets how far everything was read: on a new connection, or when something was not stored.
    mutating func restart() { phases = phases.mapValues { _ in .ownPending } }

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

    /// The next older entries of a sale that is not caught up; empty where there are no more of this kind.
    mutating func older(_ sale: SaleID, on redis: BlockingRedis) throws(RedisError) -> [StreamEntry] {
        switch phases[sale] {
        case nil, .new?: return []
        case .ownPending?:
            let reply = try redis.command([
                "XREADGROUP", "GROUP", Self.group, consumer, "COUNT", RedisArgument(Self.entriesMax), "STREAMS",
                Self.stream(sale), "0",
            ])
            let entries = try Self.streams(reply.value, of: [sale]).first?.entries ?? []
            if entries.isEmpty { phases[sale] = .claiming("0-0") }
            return entries
        case .claiming(let cursor)?:
            let reply = try redis.command([
                "XAUTOCLAIM", Self.stream(sale), Self.group, consumer, RedisArgument(Self.claimMilliseconds),
                RedisArgument(cursor), "COUNT", RedisArgument(Self.entriesMax),
            ])
            let value = reply.value
            guard value.count >= 2, let next = value[0].string else {
                throw RedisError(.unexpectedReply, "XAUTOCLAIM", "not a cursor and entries")
            }
            phases[sale] = next == "0-0" ? .new : .claiming(next)
            return try Self.entries(value[1])
        }
    }

    /// New entries of every sale that is caught up, waiting up to `waitMilliseconds` for one (0: not at all).
    func new(
        on redis: BlockingRedis, waitMilliseconds: Int
    ) throws(RedisError) -> [(sale: SaleID, entries: [StreamEntry])] {
        let ready = sales.filter(isCaughtUp)
        guard !ready.isEmpty else { return [] }
        let block: [RedisArgument] = waitMilliseconds > 0 ? ["BLOCK", RedisArgument(waitMilliseconds)] : []
        let reply = try redis.command(
            ["XREADGROUP", "GROUP", Self.group, consumer, "COUNT", RedisArgument(Self.entriesMax)] + block
                + ["STREAMS"] + ready.map(Self.stream) + ready.map { _ in ">" })
        return try Self.streams(reply.value, of: ready)
    }

    /// How often an entry has been delivered.
    static func deliveries(
        _ sale: SaleID, _ id: String, on redis: BlockingRedis
    ) throws(RedisError) -> Int {
        let id = RedisArgument(id)
        let reply = try redis.command(["XPENDING", stream(sale), group, id, id, "1"])
        let value = reply.value
        guard value.count == 1, value[0].count == 4 else { return 1 }
        return value[0][3].integer ?? 1
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
