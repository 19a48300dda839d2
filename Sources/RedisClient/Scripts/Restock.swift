import LuaScripts
package import Shared

extension BlockingRedis {
    /// Puts more units on sale or, before the sale opens, fewer (negative) (restock.lua); returns the new total and the
    /// units left.
    ///
    /// Not idempotent: if the reply is lost, look at the sale before you try again.
    package func restock(
        _ sale: SaleID, units: Int
    ) throws(RedisError) -> Result<(total: Int, remaining: Int), ChangeRefusal> {
        let keys = SaleKeys(sale)
        let reply = try run(
            ScriptCall(
                .restock, keys: [keys.sale, keys.stock, keys.orders],
                [facts.runID, "\(units)", "\(Limits.stockMax)"]))
        let value = reply.value
        guard value.count == 3, let code = value[0].integer, let total = value[1].integer,
            let remaining = value[2].integer
        else { throw RedisError(.unexpectedReply, "restock.lua", "not three numbers") }
        if let refusal = ChangeRefusal(rawValue: code) { return .failure(refusal) }
        return .success((total, remaining))
    }
}
