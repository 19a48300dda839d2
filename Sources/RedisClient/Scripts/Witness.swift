import LuaScripts
package import Shared

extension ScriptCall {
    /// Records the highest position that an API process has confirmed to a buyer, and removes the stamp of another
    /// Redis (witness.lua).
    package static func witness(
        _ process: String, of sale: SaleID, uuid: String, position: Int, remaining: Int, runID: String
    ) -> ScriptCall {
        let keys = SaleKeys(sale)
        return ScriptCall(
            .witness, keys: [keys.witnesses, SaleKeys.archived, keys.sale],
            [process, uuid, "\(position)", "\(remaining)", "\(sale)", runID])
    }
}
