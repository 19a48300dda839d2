package import Shared

/// How far the workers have read a sale's stream, according to Redis (XINFO GROUPS).
package struct GroupProgress: Equatable, Sendable {
    /// The last entry that was delivered to the group.
    package var lastDelivered: String
    /// Entries that were delivered, and are not acknowledged.
    package var pending: Int
    /// Entries that were not delivered, by Redis' count of those that were read. nil if Redis has lost count: after a
    /// group was set back into the middle of its stream, until its last entry is delivered, and after a stream has lost
    /// entries. Permanently too high on a replica that was promoted, to which XREADGROUP is replicated as XCLAIM, which
    /// does not count (Redis 7.0.15).
    package var lag: Int?
}

extension BlockingRedis {
    /// How far the workers' group has read; nil if the stream has no group.
    package func progress(of sale: SaleID) throws(RedisError) -> GroupProgress? {
        let reply = try command(["XINFO", "GROUPS", "\(SaleKeys(sale).orders)"])
        let groups = reply.value
        for index in 0..<groups.count {
            let group = groups[index].fields
            guard group["name"] == SaleKeys.group else { continue }
            return GroupProgress(
                lastDelivered: group["last-delivered-id"] ?? "0-0",
                pending: group["pending"].flatMap { Int($0) } ?? 0, lag: group["lag"].flatMap { Int($0) })
        }
        return nil
    }

    /// Stream entries that were not delivered to the workers, or are not acknowledged.
    ///
    /// - Parameter max: if given, Redis' own count is used as long as there are entries to deliver; if Redis has lost
    ///   count, no more than these are counted.
    package func unacknowledged(_ sale: SaleID, countingAtMost max: Int? = nil) throws(RedisError) -> Int {
        guard try hasStream(sale) else { return 0 }
        let progress = try progress(of: sale) ?? GroupProgress(lastDelivered: "0-0", pending: 0)
        if max != nil, let lag = progress.lag, try count(sale, after: progress.lastDelivered, 1) > 0 {
            return progress.pending + lag
        }
        return try progress.pending + count(sale, after: progress.lastDelivered, max ?? .max)
    }

    private func count(_ sale: SaleID, after id: String, _ max: Int) throws(RedisError) -> Int {
        var count = 0
        try forEachEntry(of: SaleKeys(sale).orders, after: id, atMost: max) { _, _ in count += 1 }
        return count
    }
}
