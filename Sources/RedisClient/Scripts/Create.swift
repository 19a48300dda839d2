import LuaScripts
import Shared

extension ScriptCall {
    fileprivate static func create(_ new: NewSale, runID: String) -> ScriptCall {
        let keys = SaleKeys(new.sale)
        return ScriptCall(
            .create,
            keys: [
                keys.sale, keys.stock, keys.position, keys.buyers, keys.orders, keys.deadLetters, SaleKeys.sales,
                keys.witnesses, SaleKeys.archived, keys.tickets, keys.joined,
            ],
            [
                runID, "\(new.sale)", Crypto.uuid(), new.title, "\(new.stock)", "\(new.maxPerBuyer)",
                "\(new.opensAt?.value ?? 0)", "\(new.closesAt?.value ?? 0)", Crypto.randomHex(32),
                "\(new.admission?.rate ?? 0)", "\(new.admission?.turnWindowMilliseconds ?? 0)",
            ])
    }
}

extension BlockingRedis {
    /// Creates a sale, which this Redis serves from here on (create.lua); false if one of that name, or a part of one,
    /// is there already, or was archived.
    package func create(_ new: NewSale) throws(RedisError) -> Bool {
        try run(.create(new, runID: facts.runID)).integer == 1
    }
}
