package import Shared

extension BlockingRedis {
    /// Lifts the fence of a sale that is still as `status` says, and begins `epoch` (stamp.lua); false if the sale has
    /// changed.
    package func stamp(_ status: SaleStatus, epoch: Int) throws(RedisError) -> Bool {
        let keys = SaleKeys(status.sale)
        let call = ScriptCall(
            .stamp, keys: [keys.sale, keys.stock, keys.position],
            [
                facts.runID, status.uuid, "\(status.epoch)", "\(status.remaining)", "\(status.position)", "\(epoch)",
            ])
        return try run(call).integer == 1
    }
}
