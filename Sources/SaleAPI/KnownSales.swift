import Shared

/// The sales that this process has seen on Redis. One that is gone later is unavailable, not unknown: it was forgotten.
final class KnownSales {
    /// With the epoch of the last batch that each decided; 0 before the first.
    private var epochs: [SaleID: Int] = [:]

    func insert(_ sale: SaleID) {
        if epochs[sale] == nil { epochs[sale] = 0 }
    }

    /// The sale has decided a batch; answers whether it has another epoch than at the batch before.
    func insert(_ sale: SaleID, epoch: Int) -> Bool {
        let before = epochs.updateValue(epoch, forKey: sale) ?? 0
        return before != 0 && before != epoch
    }

    /// An archived sale is unknown again.
    func remove(_ sale: SaleID) { epochs[sale] = nil }

    /// Those that are not among `others`.
    func subtracting(_ others: some Sequence<SaleID>) -> Set<SaleID> { Set(epochs.keys).subtracting(others) }

    func contains(_ sale: SaleID) -> Bool { epochs[sale] != nil }
}
