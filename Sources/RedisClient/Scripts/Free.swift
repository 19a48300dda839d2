import LuaScripts
package import Shared

extension BlockingRedis {
    /// Frees a sale whose archive event, `id`, SQLite has stored (free.lua); nil if that is done.
    package func free(_ sale: SaleID, uuid: String, archivedBy id: String) throws(RedisError) -> ArchiveRefusal? {
        let reply = try run(
            ScriptCall(
                .free, keys: SaleKeys(sale).all + [SaleKeys.sales, SaleKeys.archived],
                [facts.runID, "\(sale)", uuid, id, SaleKeys.group]))
        return reply.integer.flatMap { ArchiveRefusal(rawValue: $0) }
    }
}
