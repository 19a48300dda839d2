import EventLoop
import OrderStore
import RedisClient
import Shared

/// Reads the sales' streams through the consumer group, in the order that loses no entry: first the entries that this
/// worker or an earlier one was given and has not acknowledged, then new ones.
///
/// A value: it knows how far each sale has been read, and asks the Redis that is passed in.
struct StreamReader {
    /// Entries read at once, or more if more streams have new ones than the last time. Those of one stream are one
    /// SQLite transaction. Each read costs Redis two fsyncs (reading and acknowledging are writes) and SQLite one, so
    /// large reads are what drains a backlog fast. acknowledge.lua may take up to 8000 (LUAI_MAXCSTACK). At 2 KB an
    /// entry these are 8 MB for the 60 ms that they take.
    static let entriesMax = 4000
    /// The least share of these for one stream, however many there are: with fewer, fsyncs would take most of the time.
    private static let shareMin = 250
    /// How often the pending entries are read again: Redis may have carried out a read of an earlier worker after this
    /// one had begun.
    private static let againMilliseconds = 1000

    private enum Phase {
        /// Reads the pending entries after this one.
        case pending(after: String)
        case new

        static let start = pending(after: "0-0")
    }

    /// Entries that were delivered before, in the order of the stream.
    struct Pending {
        /// To whom.
        let consumer: RedisArgument
        let entries: [StreamEntry]
    }

    private let consumer: RedisArgument
    private var phases: [SaleID: Phase] = [:]
    private var nextLook = Instant(nanoseconds: 0)
    /// How many streams had new entries at the last read; nil if none had, or before the first read.
    private var busy: Int?

    init(consumer: String) { self.consumer = RedisArgument(consumer) }

    /// The sales that it reads, by name: those that have a phase. Kept, because each pass asks for them many times.
    private(set) var sales: [SaleID] = []

    /// Whether it reads a sale.
    func reads(_ sale: SaleID) -> Bool { phases[sale] != nil }

    /// Entries to read from each of so many streams at once.
    private static func share(of streams: Int) -> RedisArgument {
        RedisArgument(max(shareMin, entriesMax / max(1, streams)))
    }

    /// Starts reading a sale after the last entry that was taken in, and creates the group if there is none.
    ///
    /// A new group begins at entry 0, never at `$`, which would skip existing entries. A group that has acknowledged
    /// something beyond that (the database was restored from an older copy) is set back. Not for what is only pending:
    /// another delivery would forget how many there were, by which an entry that kills the worker is found.
    mutating func begin(_ sale: SaleID, after stored: StreamID, on redis: BlockingRedis) throws(RedisError) {
        guard !reads(sale) else { return }
        // Look first: a Redis without memory refuses to create a group even if it exists.
        if let delivered = try redis.progress(of: sale)?.lastDelivered {
            if stored < StreamID(delivered), !PlantedBug.noSetBack.isActive,
                try Self.hasAcknowledged(sale, after: stored, through: delivered, on: redis)
            {
                try redis.command(["XGROUP", "SETID", Self.stream(sale), Self.group, "\(stored)"])
            }
        } else {
            let start: RedisArgument = PlantedBug.groupFromEnd.isActive ? "$" : "0"
            try redis.command(["XGROUP", "CREATE", Self.stream(sale), Self.group, start])
        }
        phases[sale] = .start
        sales.insert(sale, at: sales.firstIndex { $0 > sale } ?? sales.endIndex)
    }

    /// Forgets a sale that Redis no longer has, or whose group is gone.
    mutating func end(_ sale: SaleID) {
        guard phases.removeValue(forKey: sale) != nil else { return }
        sales.removeAll { $0 == sale }
    }

    /// Forgets how far every sale was read, because something was not stored.
    mutating func restart() {
        phases = phases.mapValues { _ in .start }
        busy = nil
    }

    /// Looks again, once a second, for pending entries.
    mutating func lookAgain(now: Instant) {
        guard now >= nextLook else { return }
        nextLook = now.advanced(milliseconds: Self.againMilliseconds)
        for sale in sales where isCaughtUp(sale) { phases[sale] = .start }
    }

    /// Leaves the pending entries up to this one, which can't be finished, until it looks again.
    mutating func leave(_ id: String, of sale: SaleID) { phases[sale] = .pending(after: id) }

    /// Whether every pending entry has been read, so that only new ones remain.
    func isCaughtUp(_ sale: SaleID) -> Bool {
        if case .new? = phases[sale] { true } else { false }
    }

    /// The next pending entries of a sale that is not caught up; nil once there are none. `streams` is how many sales
    /// are read this way in the same pass.
    ///
    /// None that follows the last delivered entry: the group was set back (`begin`), and brings these again in their
    /// order. Before what they rest on, such as a restock, they would contradict the database.
    ///
    /// Those of an earlier worker are read as its own and stay with it until they are acknowledged: only one worker
    /// stores at a time (`StoreLock` for one database, `WorkerLease` for several). Claiming them would take entries
    /// that were deleted meanwhile off the pending list, where nobody would find them again (Redis 7.0).
    mutating func pending(
        _ sale: SaleID, among streams: Int, on redis: BlockingRedis
    ) throws(RedisError) -> Pending? {
        guard case .pending(let after)? = phases[sale] else { return nil }
        let first = try redis.command(["XPENDING", Self.stream(sale), Self.group, "(\(after)", "+", "1"])
        let lines = first.value
        guard lines.count == 1, let id = lines[0][0].string, let name = lines[0][1].bytes else {
            phases[sale] = .new
            return nil
        }
        let end = try Self.lastDelivered(sale, on: redis)
        if let end, StreamID(id) > end {
            phases[sale] = .new
            return nil
        }
        let consumer = RedisArgument(name)
        let reply = try redis.command([
            "XREADGROUP", "GROUP", Self.group, consumer, "COUNT", Self.share(of: streams), "STREAMS",
            Self.stream(sale), "\(after)",
        ])
        let entries = try Self.streams(reply.value, of: [sale]).first?.entries ?? []
        guard let end else { return Pending(consumer: consumer, entries: entries) }
        return Pending(consumer: consumer, entries: entries.filter { StreamID($0.id) <= end })
    }

    /// New entries of every sale that is caught up. It does not wait for one: while it waited, the worker could answer
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

    // MARK: Replies

    static let group = RedisArgument(SaleKeys.group)

    static func stream(_ sale: SaleID) -> RedisArgument { RedisArgument(SaleKeys(sale).orders) }

    /// Reads the array of XREADGROUP, the name and the entries of each stream that has some, or nil if none has.
    private static func streams(
        _ value: borrowing RedisValue, of sales: [SaleID]
    ) throws(RedisError) -> [(sale: SaleID, entries: [StreamEntry])] {
        if value.isNil { return [] }
        let byName = Dictionary(uniqueKeysWithValues: sales.map { (SaleKeys($0).orders, $0) })
        var result: [(sale: SaleID, entries: [StreamEntry])] = []
        for index in 0..<value.count {
            let stream = value[index]
            guard stream.count == 2, let name = stream[0].string, let sale = byName[name] else {
                throw RedisError(.unexpectedReply, "XREADGROUP", "not a stream that was asked for")
            }
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
                // Nil in place of the fields: the entry was deleted (XDEL, XTRIM) while it was pending.
                result.append(StreamEntry(id: id, fields: nil))
                continue
            }
            var words: [[UInt8]] = []
            for at in 0..<fields.count { words.append(fields[at].bytes ?? []) }
            result.append(StreamEntry(id: id, fields: StreamFields(words)))
        }
        return result
    }
}
