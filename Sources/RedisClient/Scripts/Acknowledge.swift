import LuaScripts
package import Shared

extension ScriptCall {
    /// Acknowledges entries that SQLite has committed (acknowledge.lua).
    static func acknowledge(_ ids: [String], of sale: SaleID, persisted: Int) -> ScriptCall {
        let keys = SaleKeys(sale)
        return ScriptCall(.acknowledge, keys: [keys.sale, keys.orders], [SaleKeys.group, "\(persisted)"] + ids)
    }
}

extension BlockingRedis {
    /// Takes entries that SQLite has committed off the worker's pending list; returns how many of them were pending.
    ///
    /// - Parameter persisted: the position up to which every order is stored or accounted for; it is noted also without
    ///   any entries, because a dead letter accounts for its position.
    @discardableResult
    package func acknowledge(_ ids: [String], of sale: SaleID, persisted: Int) throws(RedisError) -> Int {
        try run(.acknowledge(ids, of: sale, persisted: persisted)).integer ?? 0
    }
}
