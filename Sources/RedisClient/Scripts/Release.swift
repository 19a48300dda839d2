import LuaScripts
package import Shared

/// Why no withheld units were released; nothing was done.
package enum ReleaseRefusal: Int, Error, Sendable {
    case unknownSale = -1
    /// The sale is fenced, or being archived.
    case fencedOrArchived = -2
}

extension BlockingRedis {
    /// Puts units back on sale that were withheld for lost orders (release.lua); returns how many.
    package func release(_ sale: SaleID) throws(RedisError) -> Result<Int, ReleaseRefusal> {
        let keys = SaleKeys(sale)
        let reply = try run(ScriptCall(.release, keys: [keys.sale, keys.stock, keys.orders], [facts.runID]))
        let units = reply.integer ?? ReleaseRefusal.unknownSale.rawValue
        return ReleaseRefusal(rawValue: units).map { .failure($0) } ?? .success(units)
    }
}
