package import Shared

/// How far the workers have come with a sale's stream, as Redis says (XINFO GROUPS).
package struct GroupProgress: Equatable, Sendable {
    /// The last entry that the group has been given.
    package var lastDelivered: String
    /// Entries that it was given, and has not acknowledged.
    package var pending: Int
    /// Entries that it was not given, by Redis' count of those that were read. nil where Redis has lost it: of a group that was set
    /// back into the middle of its stream, until it has been given the last entry, and of a stream that has lost entries. Too high
    /// for ever on a replica that was promoted, where XREADGROUP came as XCLAIM, which does not count (Redis 7.0.15).
    package var lag: Int?
}

extension BlockingRedis {
    /// How far the workers' group has come; nil where the stream has none.
    package func progress(of sale: SaleID) throws(RedisError) -> GroupProgress? {
        let reply = try command(["XINFO", "GROUPS", RedisArgument(SaleKeys(sale).orders)])
        let groups = reply.value
        for index in 0..<groups.count {
            let words = groups[index]
            var numbers: [String: Int] = [:]
            var texts: [String: String] = [:]
            for at in stride(from: 0, to: words.count - 1, by: 2) {
                let name = words[at].string ?? ""
                numbers[name] = words[at + 1].integer
                texts[name] = words[at + 1].string
            }
            guard texts["name"] == SaleKeys.group else { continue }
            return GroupProgress(
                lastDelivered: texts["last-delivered-id"] ?? "0-0", pending: numbers["pending"] ?? 0,
                lag: numbers["lag"])
        }
        return nil
    }

    /// Stream entries that the workers were not given, or have not acknowledged.
    ///
    /// - Parameter max: with it Redis' own count is taken, as long as anything is there to be given; where Redis has none, no
    ///   more than these are counted.
    package func unacknowledged(_ sale: SaleID, countingAtMost max: Int? = nil) throws(RedisError) -> Int {
        guard try command(["EXISTS", RedisArgument(SaleKeys(sale).orders)]).integer == 1 else { return 0 }
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
