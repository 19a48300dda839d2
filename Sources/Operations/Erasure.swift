import OrderStore
import RedisClient
import Shared

/// Forgets who a buyer of an ended sale was: orders keep their position, quantity and place on the ledger, and the buyer's
/// name, key and trace go from SQLite and from Redis.
///
/// SQLite comes first. Whoever is interrupted in between runs it again: each step looks for what is left of the buyer, and
/// what stands in its place follows from the buyer alone.
struct Erasure {
    let sale: SaleID
    let buyer: String
    let reason: String

    /// An entry of the buyer's on one of the sale's streams.
    private struct Trace {
        let stream: String
        let id: String
        /// What takes its place; none where SQLite has it as a dead letter: the stream would bring that one anew.
        let replacement: [[UInt8]]
    }

    func run(_ store: OrderStore, _ redis: BlockingRedis) throws -> String {
        guard let erased = try store.erased(buyer, of: sale) else {
            throw OperationRefused(.notFound, "SQLite has no sale \(sale)")
        }
        try refuseUnlessEnded(store, redis)
        let wins = try wins(store, redis)
        let traces = try traces(erased, store, redis)
        let ticket = [RedisArgument(SaleKeys(sale).tickets), RedisArgument(buyer)]
        let hasTicket = try redis.command(["HEXISTS"] + ticket).integer == 1

        let counts = try store.erase(
            erased, of: sale, reason: reason, unless: wins == nil && traces.isEmpty && !hasTicket)
        guard let counts else { throw OperationRefused(.notFound, "\(sale) has nothing of this buyer") }
        try redis.command(["HDEL"] + ticket)
        if let wins { try replace(wins, by: erased, redis) }
        for trace in traces {
            try redis.replace(trace.id, of: trace.stream, by: trace.replacement)
        }
        return json(erased.name, counts)
    }

    /// Until it has ended, the buyer's field answers retries, and holds the limit of units a buyer may have.
    private func refuseUnlessEnded(_ store: OrderStore, _ redis: BlockingRedis) throws {
        let hasEnded: Bool
        if let status = try redis.status(sale, allowingGaps: true) {
            hasEnded = status.state == .ended
        } else {
            hasEnded = try store.closingTime(sale).map { $0 <= .now } ?? false
        }
        guard hasEnded else {
            throw OperationRefused(.notAllowed, "\(sale) has not ended: a buyer can be erased after its end")
        }
    }

    /// The buyer's field; nil where there is none.
    private func wins(_ store: OrderStore, _ redis: BlockingRedis) throws -> String? {
        let reply = try redis.command(["HGET", RedisArgument(SaleKeys(sale).buyers), RedisArgument(buyer)])
        guard let text = reply.value.string else { return nil }
        guard let wins = Win.parse(text) else {
            throw OperationRefused(
                .notAllowed, "the buyer's wins in Redis can't be read; see salectl reconcile \(sale)")
        }
        for win in wins where try !store.accountsFor(sale, win.position) {
            throw notStored(win.position)
        }
        return text
    }

    private func traces(_ erased: ErasedBuyer, _ store: OrderStore, _ redis: BlockingRedis) throws -> [Trace] {
        let keys = SaleKeys(sale)
        var traces: [Trace] = []
        for (id, fields) in try redis.entries(of: keys.orders, rewrittenBy: erased) {
            let position = Self.position(in: fields)
            switch try store.holding(sale, position: position, streamID: id) {
            case .order: traces.append(Trace(stream: keys.orders, id: id, replacement: fields))
            case .deadLetter: traces.append(Trace(stream: keys.orders, id: id, replacement: []))
            case .nothing: throw notStored(position)
            }
        }
        for (id, fields) in try redis.entries(of: keys.deadLetters, rewrittenBy: erased) {
            traces.append(Trace(stream: keys.deadLetters, id: id, replacement: fields))
        }
        return traces
    }

    private static func position(in fields: [[UInt8]]) -> Int? {
        guard let at = fields.indices.dropLast().first(where: { fields[$0] == Array("position".utf8) }) else {
            return nil
        }
        return String(decoding: fields[at + 1], as: UTF8.self).withBytes { $0.decimal }
    }

    private func notStored(_ position: Int?) -> OperationRefused {
        OperationRefused(
            .notAllowed,
            "SQLite does not have \(position.map { "position \($0)" } ?? "an entry") of this buyer yet: let the worker catch up"
        )
    }

    private func replace(_ wins: String, by erased: ErasedBuyer, _ redis: BlockingRedis) throws {
        let replaced = (Win.parse(wins) ?? []).map { win in
            var win = win
            win.key = ErasedBuyer.key(win.position)
            return win.text
        }
        let isDone = try redis.erase(
            buyer, of: sale, as: erased.name, replacing: wins, by: replaced.joined(separator: ";"))
        guard isDone else {
            throw RedisError(.unexpectedReply, "erase.lua", "the buyer's wins have changed meanwhile; run it again")
        }
    }

    private func json(_ name: String, _ counts: (orders: Int, letters: Int)) -> String {
        var text = ByteBuffer(capacity: 128)
        text.append("{")
        text.appendMember("erased", name)
        text.appendMember("orders", counts.orders)
        text.appendMember("dead_letters", counts.letters)
        text.append("}")
        return text.string
    }
}

extension BlockingRedis {
    /// The entries of a stream that are the buyer's, without the buyer.
    fileprivate func entries(
        of stream: String, rewrittenBy erased: ErasedBuyer
    ) throws(RedisError) -> [(id: String, fields: [[UInt8]])] {
        var entries: [(id: String, fields: [[UInt8]])] = []
        try forEachEntry(of: stream) { id, entry in
            var bytes: [[UInt8]] = []
            for at in 0..<entry.count { bytes.append(entry[at].bytes ?? []) }
            if let fields = erased.rewritten(bytes) { entries.append((id, fields)) }
        }
        return entries
    }
}
