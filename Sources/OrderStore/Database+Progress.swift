import Shared

extension Database {
    /// The position up to which everything is stored, or accounted for; nil if the sale is not stored.
    func persistedPosition(of sale: SaleID) throws(StoreError) -> Int? {
        try first("SELECT persisted_position FROM sales WHERE sale = ?", [.sale(sale)]) { $0.integer(0) }
    }

    /// The end of a sale's ledger; nil if the sale is not stored.
    func ledgerHead(of sale: SaleID) throws(StoreError) -> LedgerChain? {
        try first("SELECT seq, hash FROM ledger WHERE sale = ? ORDER BY seq DESC LIMIT 1", [.sale(sale)]) {
            LedgerChain(seq: $0.integer(0), hash: $0.blob(1))
        }
    }
}
