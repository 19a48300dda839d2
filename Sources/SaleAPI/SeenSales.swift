import Shared

/// The sales that this process has seen on Redis. If one is missing later, Redis has lost it: it is unavailable, not
/// unknown.
final class SeenSales {
    /// The epoch of each sale's last batch; 0 before the first.
    private var epochs: [SaleID: Int] = [:]

    func insert(_ sale: SaleID) {
        if epochs[sale] == nil { epochs[sale] = 0 }
    }

    /// Redis has decided a batch of the sale. Returns whether the epoch has changed since the batch before.
    func recordBatch(of sale: SaleID, epoch: Int) -> Bool {
        let before = epochs.updateValue(epoch, forKey: sale) ?? 0
        return before != 0 && before != epoch
    }

    /// An archived sale is unknown again.
    func remove(_ sale: SaleID) { epochs[sale] = nil }

    /// The seen sales that are not among `others`.
    func subtracting(_ others: some Sequence<SaleID>) -> Set<SaleID> { Set(epochs.keys).subtracting(others) }

    func contains(_ sale: SaleID) -> Bool { epochs[sale] != nil }
}
