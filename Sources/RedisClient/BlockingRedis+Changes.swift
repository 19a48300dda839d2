package import Shared

/// Why a sale was not changed; nothing was done.
package enum ChangeRefusal: Int, Error, Sendable {
    case unknownSale = 0
    /// This Redis has not been compared with SQLite, or lacks a part of the sale.
    case fenced = -1
    case ended = -2
    /// Its archiving has begun.
    case archived = -3
    /// What can change only before a sale opens.
    case opened = -4
    /// More units are sold than it would have.
    case tooFew = -5
    /// Of restock: more units than a sale may have. Of set: it would close before it opens, or in the past.
    case outOfRange = -6
    /// Of admit.
    case noWaitingRoom = -7
    /// Of admit: each segment of the schedule has turns that are not over yet.
    case changedTooOften = -8
}

/// What a change may be of: nil where it stays.
package struct SaleChange: Equatable, Sendable {
    package var title: String?
    package var opensAt: UnixMilliseconds?
    package var closesAt: UnixMilliseconds?
    /// Units in all.
    package var stock: Int?

    package init(
        title: String? = nil, opensAt: UnixMilliseconds? = nil, closesAt: UnixMilliseconds? = nil, stock: Int? = nil
    ) {
        self.title = title
        self.opensAt = opensAt
        self.closesAt = closesAt
        self.stock = stock
    }
}

/// What an operator changes of a sale that is there.
extension BlockingRedis {
    /// Puts more units on sale or, before it opens, fewer (negative); answers the new total and the units left.
    ///
    /// Not idempotent: where the answer is lost, the sale has to be looked at before it is tried again.
    package func restock(
        _ sale: SaleID, units: Int
    ) throws(RedisError) -> Result<(total: Int, remaining: Int), ChangeRefusal> {
        let keys = SaleKeys(sale)
        let reply = try run(
            .restock, keys: [keys.sale, keys.stock, keys.orders],
            [RedisArgument(facts.runID), RedisArgument(units), RedisArgument(Limits.stockMax)])
        let value = reply.value
        guard value.count == 3, let code = value[0].integer, let total = value[1].integer,
            let remaining = value[2].integer
        else { throw RedisError(.unexpectedReply, "restock.lua", "not three numbers") }
        if let refusal = ChangeRefusal(rawValue: code) { return .failure(refusal) }
        return .success((total, remaining))
    }

    /// Changes what it is told, or nothing; nil where it is done.
    package func set(_ sale: SaleID, _ change: SaleChange) throws(RedisError) -> ChangeRefusal? {
        let keys = SaleKeys(sale)
        func text(_ number: Int?) -> RedisArgument { number.map { RedisArgument($0) } ?? "" }
        let reply = try run(
            .set, keys: [keys.sale, keys.stock, keys.orders],
            [
                RedisArgument(facts.runID), RedisArgument(change.title ?? ""), text(change.opensAt?.value),
                text(change.closesAt?.value), text(change.stock),
            ])
        return reply.integer.flatMap { ChangeRefusal(rawValue: $0) }
    }
}
