import LuaScripts
package import Shared

extension ScriptCall {
    /// Acknowledges entries that SQLite has committed (acknowledge.lua).
    static func acknowledge(
        _ ids: [String], of sale: SaleID, persisted: Int, under lease: WorkerLease
    ) -> ScriptCall {
        let keys = SaleKeys(sale)
        return ScriptCall(
            .acknowledge, keys: [keys.sale, keys.orders, SaleKeys.workerLease],
            [lease.database, SaleKeys.group, "\(persisted)"] + ids)
    }
}

extension BlockingRedis {
    /// Takes entries that SQLite has committed off the worker's pending list; returns how many of them were pending.
    /// Throws `noLease`, and has done nothing, if the lease is no longer held.
    ///
    /// - Parameters:
    ///   - persisted: the position up to which every order is stored or accounted for; it is noted also without any
    ///     entries, because a dead letter accounts for its position.
    ///   - lease: of the database that has them.
    @discardableResult
    package func acknowledge(
        _ ids: [String], of sale: SaleID, persisted: Int, under lease: WorkerLease
    ) throws(RedisError) -> Int {
        try run(.acknowledge(ids, of: sale, persisted: persisted, under: lease)).integer ?? 0
    }
}
