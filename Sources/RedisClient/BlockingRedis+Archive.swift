package import Shared

/// What Redis knows of archiving, besides the steps themselves (`Scripts/Archive`, `Scripts/Free`).
extension BlockingRedis {
    /// The archive event of a sale whose archiving has begun.
    package func archiveEvent(of sale: SaleID) throws(RedisError) -> String? {
        try command(["HGET", "\(SaleKeys(sale).sale)", "archive_id"]).string
    }

    /// All sales that have been archived and freed, by name.
    package func archivedSales() throws(RedisError) -> [SaleID] {
        try names(in: SaleKeys.archived)
    }

    /// Notes that sales have been archived, in case Redis has forgotten it: an older database must not bring them back.
    package func note(archived sales: [SaleID]) throws(RedisError) {
        for start in stride(from: 0, to: sales.count, by: 1000) {
            let names = sales[start..<min(start + 1000, sales.count)].map { RedisArgument("\($0)") }
            try command(["SADD", "\(SaleKeys.archived)"] + names)
        }
    }

    /// Whether a sale of this name has been archived and freed.
    package func isArchived(_ sale: SaleID) throws(RedisError) -> Bool {
        try command(["SISMEMBER", "\(SaleKeys.archived)", "\(sale)"]).integer == 1
    }

    /// Bytes that a sale takes, as Redis estimates them (MEMORY USAGE).
    package func memory(of sale: SaleID) throws(RedisError) -> Int {
        var bytes = 0
        for key in SaleKeys(sale).all { bytes += try command(["MEMORY", "USAGE", "\(key)"]).integer ?? 0 }
        return bytes
    }
}
