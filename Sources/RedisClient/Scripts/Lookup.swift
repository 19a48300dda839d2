import LuaScripts
package import Shared

extension ScriptCall {
    /// Reads what a buyer has won in a sale (lookup.lua).
    package static func lookup(_ buyer: String, in sale: SaleID, runID: String) -> ScriptCall {
        let keys = SaleKeys(sale)
        return ScriptCall(.lookup, keys: [keys.sale, keys.buyers, keys.position, keys.stock], [runID, buyer])
    }
}
