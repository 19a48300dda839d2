package import Shared

/// The end of a sale on Redis.
extension BlockingRedis {
    /// Why a step was not taken; nothing was done.
    package enum ArchiveRefusal: Int, Error, Sendable {
        /// There is no such sale, or another of its name.
        case unknownSale = 0
        case fenced = -1
        /// Of the first step: it has not ended. Of the last: something came after the archive event.
        case notEnded = -2
        /// An entry is unread, or not acknowledged.
        case pending = -3
    }

    /// Puts the archive event onto the stream, or finds it there: its id.
    package func beginArchive(_ sale: SaleID, uuid: String) throws(RedisError) -> Result<String, ArchiveRefusal> {
        let keys = SaleKeys(sale)
        let reply = try run(
            .archive, keys: [keys.sale, keys.orders], [RedisArgument(facts.runID), RedisArgument(uuid)])
        let value = reply.value
        // Of an id, the integer that it begins with is no integer either.
        if let code = value.integer { return .failure(ArchiveRefusal(rawValue: code) ?? .unknownSale) }
        guard let id = value.string else { throw RedisError(.unexpectedReply, "archive.lua", "not an id") }
        return .success(id)
    }

    /// Frees a sale whose archive event, `id`, SQLite has stored; nil where it is done.
    package func free(_ sale: SaleID, uuid: String, archivedBy id: String) throws(RedisError) -> ArchiveRefusal? {
        let keys = SaleKeys(sale)
        let reply = try run(
            .free, keys: keys.all + [SaleKeys.sales, SaleKeys.archived],
            [
                RedisArgument(facts.runID), RedisArgument("\(sale)"), RedisArgument(uuid), RedisArgument(id),
                RedisArgument(SaleKeys.group),
            ])
        return reply.integer.flatMap { ArchiveRefusal(rawValue: $0) }
    }

    /// The archive event of a sale whose archiving has begun.
    package func archiveEvent(of sale: SaleID) throws(RedisError) -> String? {
        let reply = try command(["HGET", RedisArgument(SaleKeys(sale).sale), "archive_id"])
        let value = reply.value
        return value.string
    }

    /// Whether a sale of this name has been archived and freed.
    package func isArchived(_ sale: SaleID) throws(RedisError) -> Bool {
        try command(["SISMEMBER", RedisArgument(SaleKeys.archived), RedisArgument("\(sale)")]).integer == 1
    }

    /// Bytes that a sale takes, as Redis estimates them (MEMORY USAGE).
    package func memory(of sale: SaleID) throws(RedisError) -> Int {
        var bytes = 0
        for key in SaleKeys(sale).all { bytes += try command(["MEMORY", "USAGE", RedisArgument(key)]).integer ?? 0 }
        return bytes
    }
}
