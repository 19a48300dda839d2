import OrderStore
import RedisClient
import Shared

/// Forgets who a buyer of an ended sale was: orders keep their position, quantity and place on the ledger, and the
/// buyer's name, key and trace disappear from SQLite and from Redis.
///
/// SQLite comes first. An erasure that is interrupted is run again: each step looks for what is left of the buyer, and
/// what replaces it follows from the buyer alone.
struct Erasure {
    let sale: SaleID
    let buyer: String
    let reason: String

    /// An entry of the buyer's on one of the sale's streams.
    private struct BuyerEntry {
        let stream: String
        let id: String
        /// What replaces it; nothing if SQLite has it as a dead letter, because the stream would bring the replacement
        /// again.
        let replacement: StreamFields
    }

    func run(_ store: OrderStore, _ redis: BlockingRedis) throws -> String {
        guard let erased = try store.erased(buyer, of: sale) else {
            throw OperationRefused(.notFound, "SQLite has no sale \(sale)")
        }
        try refuseUnlessEnded(store, redis)
        let wins = try wins(store, redis)
        let entries = try entries(erased, store, redis)
        let hasTicket = try redis.hasTicket(buyer, in: sale)

        let counts = try store.erase(
            erased, of: sale, reason: reason, unless: wins == nil && entries.isEmpty && !hasTicket)
        guard let counts else { throw OperationRefused(.notFound, "\(sale) has nothing of this buyer") }
        try redis.removeTicket(of: buyer, in: sale)
        if let (field, wins) = wins { try replace(field, wins, by: erased, redis) }
        for entry in entries {
            try redis.replace(entry.id, of: entry.stream, by: entry.replacement.words)
        }
        return ErasureResult(name: erased.name, orders: counts.orders, letters: counts.letters).json
    }

    /// Until the sale has ended, the buyer's field answers retries, and counts towards the limit of units for a buyer.
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

    /// The buyer's field, and the wins in it; nil if there is none.
    private func wins(_ store: OrderStore, _ redis: BlockingRedis) throws -> (field: String, wins: [Win])? {
        guard let field = try redis.winsField(of: buyer, in: sale) else { return nil }
        guard let wins = Win.parse(field) else {
            throw OperationRefused(
                .notAllowed, "the buyer's wins in Redis can't be read; see salectl reconcile \(sale)")
        }
        for win in wins where try !store.accountsFor(sale, win.position) {
            throw notStored(win.position)
        }
        return (field, wins)
    }

    private func entries(_ erased: ErasedBuyer, _ store: OrderStore, _ redis: BlockingRedis) throws -> [BuyerEntry] {
        let keys = SaleKeys(sale)
        var entries: [BuyerEntry] = []
        for (id, fields) in try redis.entries(of: keys.orders, rewrittenBy: erased) {
            let position = Self.position(in: fields)
            switch try store.holding(sale, position: position, streamID: id) {
            case .order: entries.append(BuyerEntry(stream: keys.orders, id: id, replacement: fields))
            case .deadLetter: entries.append(BuyerEntry(stream: keys.orders, id: id, replacement: []))
            case .nothing: throw notStored(position)
            }
        }
        for (id, fields) in try redis.entries(of: keys.deadLetters, rewrittenBy: erased) {
            entries.append(BuyerEntry(stream: keys.deadLetters, id: id, replacement: fields))
        }
        return entries
    }

    private static func position(in fields: StreamFields) -> Int? {
        guard let at = fields.firstIndex(of: "position") else { return nil }
        return String(decoding: fields.words[at + 1], as: UTF8.self).withBytes { $0.decimal }
    }

    private func notStored(_ position: Int?) -> OperationRefused {
        let what = position.map { "position \($0)" } ?? "an entry"
        return OperationRefused(
            .notAllowed, "SQLite does not have \(what) of this buyer yet: let the worker catch up")
    }

    private func replace(
        _ field: String, _ wins: [Win], by erased: ErasedBuyer, _ redis: BlockingRedis
    ) throws {
        let replaced = wins.map { win in
            var win = win
            win.key = ErasedBuyer.key(win.position)
            return win.text
        }
        let isDone = try redis.erase(
            buyer, of: sale, as: erased.name, replacing: field, by: replaced.joined(separator: ";"))
        guard isDone else {
            throw RedisError(.unexpectedReply, "erase.lua", "the buyer's wins have changed meanwhile; run it again")
        }
    }
}

extension BlockingRedis {
    /// The buyer's entries on a stream, without the buyer.
    fileprivate func entries(
        of stream: String, rewrittenBy erased: ErasedBuyer
    ) throws(RedisError) -> [(id: String, fields: StreamFields)] {
        var entries: [(id: String, fields: StreamFields)] = []
        try forEachEntry(of: stream) { id, entry in
            var words: [[UInt8]] = []
            for at in 0..<entry.count { words.append(entry[at].bytes ?? []) }
            if let fields = erased.rewritten(StreamFields(words)) { entries.append((id, fields)) }
        }
        return entries
    }
}
