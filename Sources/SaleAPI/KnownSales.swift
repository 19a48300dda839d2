import Shared

/// The sales that this process has seen on Redis. One that is gone later is unavailable, not unknown: it was forgotten.
final class KnownSales {
    private var sales: Set<SaleID> = []

    func insert(_ sale: SaleID) { sales.insert(sale) }

    /// An archived sale is unknown again.
    func remove(_ sale: SaleID) { sales.remove(sale) }

    /// Those that are not among `others`.
    func subtracting(_ others: some Sequence<SaleID>) -> Set<SaleID> { sales.subtracting(others) }

    func contains(_ sale: SaleID) -> Bool { sales.contains(sale) }
}
