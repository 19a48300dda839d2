package import Shared

extension BlockingRedis {
    package enum Control: String, Sendable { case pause, resume, close }

    /// Pauses, resumes or closes a sale (control.lua); false if there is no such sale.
    package func control(_ sale: SaleID, _ action: Control) throws(RedisError) -> Bool {
        let keys = SaleKeys(sale)
        return try run(ScriptCall(.control, keys: [keys.sale, keys.orders], [action.rawValue])).integer == 1
    }
}
