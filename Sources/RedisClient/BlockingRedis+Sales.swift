package import Shared

/// What the worker and the tools read of sales, besides what scripts return (`Scripts`).
extension BlockingRedis {
    /// All sales that this Redis knows, by name.
    package func sales() throws(RedisError) -> [SaleID] {
        let reply = try command(["SMEMBERS", "\(SaleKeys.sales)"])
        let names = reply.value.strings
        return names.compactMap { SaleID($0) }.sorted { $0.description < $1.description }
    }

    /// Whether a sale has its orders stream.
    package func hasStream(_ sale: SaleID) throws(RedisError) -> Bool {
        try command(["EXISTS", "\(SaleKeys(sale).orders)"]).integer == 1
    }

    /// Redis' clock.
    package func time() throws(RedisError) -> UnixMilliseconds {
        let reply = try command(["TIME"])
        let words = reply.value.strings
        guard words.count == 2, let seconds = Int(words[0]), let microseconds = Int(words[1]) else {
            throw RedisError(.unexpectedReply, "TIME", "not seconds and microseconds")
        }
        return UnixMilliseconds(seconds * 1000 + microseconds / 1000)
    }

    /// Calls `body` with every field of a hash and its value, a thousand at a time.
    ///
    /// HSCAN may return a field twice. It misses none that was there all along.
    package func forEachField(of hash: String, _ body: (String, String) -> Void) throws(RedisError) {
        var cursor = "0"
        repeat {
            let reply = try command(["HSCAN", "\(hash)", "\(cursor)", "COUNT", "1000"])
            let answer = reply.value
            guard answer.count == 2 else { throw RedisError(.unexpectedReply, "HSCAN", "not a cursor and a page") }
            cursor = answer[0].string ?? "0"
            for (name, value) in answer[1].pairs { body(name, value) }
        } while cursor != "0"
    }
}
