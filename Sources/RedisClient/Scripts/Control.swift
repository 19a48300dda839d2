import LuaScripts
package import Shared

extension BlockingRedis {
    package enum Control: String, Sendable { case pause, resume, close }

    /// Pauses, resumes or closes a sale (control.lua); nil if it is done.
    ///
    /// - Parameter evenIfFenced: also a sale whose settings on this Redis may be older than SQLite's.
    package func control(
        _ sale: SaleID, _ action: Control, evenIfFenced: Bool = false
    ) throws(RedisError) -> ChangeRefusal? {
        let keys = SaleKeys(sale)
        let reply = try run(
            ScriptCall(
                .control, keys: [keys.sale, keys.orders], [evenIfFenced ? "" : facts.runID, action.rawValue]))
        return reply.integer.flatMap { ChangeRefusal(rawValue: $0) }
    }
}
