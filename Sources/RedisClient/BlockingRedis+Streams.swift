package import Shared

extension BlockingRedis {
    /// Entries that are read at once, which is all that is in memory of a stream: at 400 bytes an order, 400 KB.
    private static let pageEntries = 1000

    /// The id of the last entry of a sale's orders stream; nil if the stream is empty, or gone.
    package func lastEntryID(of sale: SaleID) throws(RedisError) -> String? {
        let reply = try command(["XREVRANGE", "\(SaleKeys(sale).orders)", "+", "-", "COUNT", "1"])
        let entries = reply.value
        guard entries.count == 1 else { return nil }
        let last = entries[0]
        return last[0].string
    }

    /// Calls `body` with each entry after `id`, oldest first, at most `max` of them: with its id, and its names and
    /// values in turn, which are valid only during the call.
    package func forEachEntry(
        of stream: String, after id: String = "0-0", atMost max: Int = .max,
        _ body: (_ id: String, _ words: borrowing RedisValue) -> Void
    ) throws(RedisError) {
        var (last, left) = (id, max)
        while left > 0 {
            let asked = min(Self.pageEntries, left)
            let reply = try command(["XRANGE", "\(stream)", "(\(last)", "+", "COUNT", "\(asked)"])
            let page = reply.value
            for index in 0..<page.count {
                let entry = page[index]
                guard entry.count == 2, let id = entry[0].string else {
                    throw RedisError(.unexpectedReply, "XRANGE", "not an entry")
                }
                body(id, entry[1])
                last = id
            }
            if page.count < asked { return }
            left -= page.count
        }
    }
}
