import LuaScripts
package import Shared

extension BlockingRedis {
    /// Lifts the fence of a sale that is still as `status` says (stamp.lua); false if it has changed.
    package func stamp(_ status: SaleStatus) throws(RedisError) -> Bool {
        let keys = SaleKeys(status.sale)
        let call = ScriptCall(
            .stamp, keys: [keys.sale, keys.stock, keys.position],
            [facts.runID, status.uuid, "\(status.epoch)", "\(status.remaining)", "\(status.position)"])
        return try run(call).integer == 1
    }
}
