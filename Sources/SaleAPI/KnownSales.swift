import Shared

/// The sales that this process has seen on Redis. One that is gone later is unavailable, not unknown: it was forgotten.
final class KnownSales {
    private var sales: Set<SaleID> = []

    func insert(_ sale: SaleID) { sales.insert(sale) }

    func contains(_ sale: SaleID) -> Bool { sales.contains(sale) }
}
