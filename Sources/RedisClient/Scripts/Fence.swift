import LuaScripts
package import Shared

extension BlockingRedis {
    /// Fences a sale, if there is one (fence.lua): this Redis must not sell it until it has been compared again.
    /// `stamp` lifts the fence.
    package func fence(_ sale: SaleID) throws(RedisError) {
        try run(ScriptCall(.fence, keys: [SaleKeys(sale).sale]))
    }
}
