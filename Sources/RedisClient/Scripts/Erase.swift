import LuaScripts
package import Shared

extension BlockingRedis {
    /// Replaces a buyer's name by the erased one (erase.lua); false if the sale has not ended, or the buyer's wins are
    /// no longer `wins`.
    package func erase(
        _ buyer: String, of sale: SaleID, as erasedName: String, replacing wins: String, by erasedWins: String
    ) throws(RedisError) -> Bool {
        let keys = SaleKeys(sale)
        let call = ScriptCall(.erase, keys: [keys.sale, keys.buyers], [buyer, erasedName, wins, erasedWins])
        return try run(call).integer == 1
    }
}
