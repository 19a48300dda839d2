import LuaScripts
package import Shared

extension BlockingRedis {
    /// Moves an entry from the orders stream's pending list to the dead letters (deadletter.lua), unless it is there
    /// already. `fields` are names and values of the dead letter.
    package func deadletter(_ id: String, of sale: SaleID, _ fields: [RedisArgument]) throws(RedisError) {
        let keys = SaleKeys(sale)
        let call = ScriptCall(.deadletter, keys: [keys.orders, keys.deadLetters], [SaleKeys.group, id])
        for field in fields { call.append(field) }
        try run(call)
    }
}
