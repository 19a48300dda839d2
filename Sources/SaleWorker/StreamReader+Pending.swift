import OrderStore
import RedisClient
import Shared

/// What Redis knows of single entries and of the group's pending list.
extension StreamReader {
    /// Whether an entry was delivered to the group and is no longer pending.
    static func isAcknowledged(_ sale: SaleID, _ id: String, on redis: BlockingRedis) throws(RedisError) -> Bool {
        guard let progress = try redis.progress(of: sale), StreamID(id) <= StreamID(progress.lastDelivered) else {
            return false
        }
        return try deliveries(sale, id, id, 1, [], on: redis).isEmpty
    }

    /// Whether an entry after `stored` that was delivered to the group is not pending.
    static func hasAcknowledged(
        _ sale: SaleID, after stored: StreamID, through lastDelivered: String, on redis: BlockingRedis
    ) throws(RedisError) -> Bool {
        var last = "\(stored)"
        while true {
            let entries = try redis.command(["XRANGE", stream(sale), "(\(last)", "\(lastDelivered)", "COUNT", "1000"])
            let lines = entries.value
            var delivered: [String] = []
            for index in 0..<lines.count { if let id = lines[index][0].string { delivered.append(id) } }
            guard let first = delivered.first, let end = delivered.last else { return false }
            // As many as there are, with those that were deleted while they were pending.
            let pending = try deliveries(sale, first, end, .max, [], on: redis)
            if delivered.contains(where: { pending[$0] == nil }) { return true }
            last = end
        }
    }

    /// The last entry that was delivered to the group; nil if no entry follows it. Then those that are pending beyond
    /// it were deleted, and nothing brings them again.
    static func lastDelivered(_ sale: SaleID, on redis: BlockingRedis) throws(RedisError) -> StreamID? {
        guard let id = try redis.progress(of: sale)?.lastDelivered, try oldest(sale, after: id, on: redis) != nil else {
            return nil
        }
        return StreamID(id)
    }

    /// How often an entry has been delivered.
    static func deliveries(_ sale: SaleID, _ id: String, on redis: BlockingRedis) throws(RedisError) -> Int {
        try deliveries(sale, id, id, 1, [], on: redis)[id] ?? 1
    }

    /// How often each of the `pending` entries has been delivered.
    static func deliveries(
        _ sale: SaleID, _ pending: Pending, on redis: BlockingRedis
    ) throws(RedisError) -> [String: Int] {
        guard let first = pending.entries.first?.id, let last = pending.entries.last?.id else { return [:] }
        return try deliveries(sale, first, last, pending.entries.count, [pending.consumer], on: redis)
    }

    private static func deliveries(
        _ sale: SaleID, _ first: String, _ last: String, _ count: Int, _ consumer: [RedisArgument],
        on redis: BlockingRedis
    ) throws(RedisError) -> [String: Int] {
        let reply = try redis.command(
            ["XPENDING", stream(sale), group, "\(first)", "\(last)", "\(count)"]
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

    /// When the first entry after `id` was added, in milliseconds by Redis' clock; nil if there is none.
    static func oldest(_ sale: SaleID, after id: String, on redis: BlockingRedis) throws(RedisError) -> Int? {
        let reply = try redis.command(["XRANGE", stream(sale), "(\(id)", "+", "COUNT", "1"])
        let entries = reply.value
        guard entries.count == 1 else { return nil }
        return entries[0][0].string.map { StreamID($0).milliseconds }
    }
}
