import LuaScripts
package import Shared

/// What to change about a sale; nil: unchanged.
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

extension BlockingRedis {
    /// Makes all of a change, or none of it (set.lua); nil if it is made.
    package func set(_ sale: SaleID, _ change: SaleChange) throws(RedisError) -> ChangeRefusal? {
        let keys = SaleKeys(sale)
        func text(_ number: Int?) -> String { number.map { "\($0)" } ?? "" }
        let reply = try run(
            ScriptCall(
                .set, keys: [keys.sale, keys.stock, keys.orders],
                [
                    facts.runID, change.title ?? "", text(change.opensAt?.value), text(change.closesAt?.value),
                    text(change.stock),
                ]))
        return reply.integer.flatMap { ChangeRefusal(rawValue: $0) }
    }
}
