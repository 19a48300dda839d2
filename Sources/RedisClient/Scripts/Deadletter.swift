import LuaScripts
package import Shared

extension BlockingRedis {
    /// Moves an entry from the orders stream's pending list to the dead letters (deadletter.lua), unless it is there
    /// already. `fields` are names and values of the dead letter. Throws `noLease`, and has done nothing, if the lease
    /// is no longer held.
    package func deadletter(
        _ id: String, of sale: SaleID, _ fields: [RedisArgument], under lease: WorkerLease
    ) throws(RedisError) {
        let keys = SaleKeys(sale)
        let call = ScriptCall(
            .deadletter, keys: [keys.orders, keys.deadLetters, SaleKeys.workerLease],
            [lease.database, SaleKeys.group, id])
        for field in fields { call.append(field) }
        try run(call)
    }
}
