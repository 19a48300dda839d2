package import Shared

/// What the worker and the tools read and write of sales without a script (`Scripts`).
extension BlockingRedis {
    /// All sales that this Redis knows, by name.
    package func sales() throws(RedisError) -> [SaleID] {
        try names(in: SaleKeys.sales)
    }

    /// The names in a set of sales.
    func names(in set: String) throws(RedisError) -> [SaleID] {
        try command(["SMEMBERS", "\(set)"]).strings.compactMap { SaleID($0) }.sorted()
    }

    /// Puts a sale on the list of all sales, if Redis has it; false if it does not.
    package func relist(_ sale: SaleID) throws(RedisError) -> Bool {
        guard try command(["EXISTS", "\(SaleKeys(sale).sale)"]).integer == 1 else { return false }
        try command(["SADD", "\(SaleKeys.sales)", "\(sale)"])
        return true
    }

    /// Which sale of its name it is; nil if there is none.
    package func uuid(of sale: SaleID) throws(RedisError) -> String? {
        try command(["HGET", "\(SaleKeys(sale).sale)", "uuid"]).string
    }

    /// The run_id of the Redis that may sell it; nil if there is none.
    package func servingRunID(of sale: SaleID) throws(RedisError) -> String? {
        try command(["HGET", "\(SaleKeys(sale).sale)", "serving_run_id"]).string
    }

    /// The last position that a sale has given; nil if Redis does not have it.
    package func lastPosition(of sale: SaleID) throws(RedisError) -> Int? {
        try command(["GET", "\(SaleKeys(sale).position)"]).integer
    }

    /// Units of lost orders that a sale withholds.
    package func withheld(of sale: SaleID) throws(RedisError) -> Int {
        try Int(command(["HGET", "\(SaleKeys(sale).sale)", "withheld"]).string ?? "") ?? 0
    }

    /// The field with the wins of a buyer (`Win`); nil if the buyer has none.
    package func winsField(of buyer: String, in sale: SaleID) throws(RedisError) -> String? {
        try command(["HGET", "\(SaleKeys(sale).buyers)", "\(buyer)"]).string
    }

    /// Whether a buyer has a position in the waiting room.
    package func hasTicket(_ buyer: String, in sale: SaleID) throws(RedisError) -> Bool {
        try command(["HEXISTS", "\(SaleKeys(sale).tickets)", "\(buyer)"]).integer == 1
    }

    /// Forgets a buyer's position in the waiting room.
    package func removeTicket(of buyer: String, in sale: SaleID) throws(RedisError) {
        try command(["HDEL", "\(SaleKeys(sale).tickets)", "\(buyer)"])
    }

    /// How many entries the stream of dead letters has.
    package func deadLetterCount(of sale: SaleID) throws(RedisError) -> Int {
        try command(["XLEN", "\(SaleKeys(sale).deadLetters)"]).integer ?? 0
    }

    /// Whether a sale has its orders stream.
    package func hasStream(_ sale: SaleID) throws(RedisError) -> Bool {
        try command(["EXISTS", "\(SaleKeys(sale).orders)"]).integer == 1
    }

    /// Redis' clock.
    package func time() throws(RedisError) -> UnixMilliseconds {
        let words = try command(["TIME"]).strings
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
