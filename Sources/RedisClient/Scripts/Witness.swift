import LuaScripts
package import Shared

extension ScriptCall {
    /// Records the highest position that an API process has confirmed to a buyer (witness.lua).
    package static func witness(
        _ process: String, of sale: SaleID, uuid: String, position: Int, remaining: Int
    ) -> ScriptCall {
        ScriptCall(
            .witness, keys: [SaleKeys(sale).witnesses, SaleKeys.archived],
            [process, uuid, "\(position)", "\(remaining)", "\(sale)"])
    }
}
