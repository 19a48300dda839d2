package import Shared

/// What asking Redis for a sale came to.
package enum SaleFinding {
    /// The sale, as the replicas know it too.
    case confirmed(SaleStatus)
    case noSuchSale
    /// It is there, and lacks a part.
    case incomplete
    /// Redis did not say, or said what can't be relied on.
    case nothing
}

extension AsyncRedis {
    /// Asks for a sale; `done` is told once, and of a sale only when its replicas have what was read. `isReady` must hold.
    package func status(of sale: SaleID, _ done: @escaping (SaleFinding) -> Void) {
        var finding = SaleFinding.nothing
        run(
            .status(of: sale),
            { answer in
                switch answer {
                case .failure: done(.nothing)
                case .reply(let value):
                    do throws(RedisError) {
                        finding = try SaleStatus(sale: sale, value).map(SaleFinding.confirmed) ?? .noSuchSale
                    } catch {
                        finding = .incomplete
                    }
                }
            },
            confirmed: { done($0 == .confirmed ? finding : .nothing) })
    }
}

extension ScriptCall {
    /// Reads a sale (status.lua).
    package static func status(of sale: SaleID) -> ScriptCall {
        let keys = SaleKeys(sale)
        let call = ScriptCall(.status)
        call.begin(keys: [keys.sale, keys.stock, keys.position, keys.buyers], [])
        return call
    }
}
