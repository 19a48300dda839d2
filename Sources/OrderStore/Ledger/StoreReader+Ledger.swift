package import Shared

extension StoreReader {
    /// Calls `body` with at most `limit` entries after `seq`, in order.
    package func ledger(
        of sale: SaleID, after seq: Int, limit: Int, _ body: (LedgerLine) -> Void
    ) throws(StoreError) {
        try database.query(
            "SELECT seq, entry, hash FROM ledger WHERE sale = ? AND seq > ? ORDER BY seq LIMIT ?",
            [.sale(sale), .integer(seq), .integer(limit)]
        ) { body(LedgerLine(seq: $0.integer(0), entry: $0.text(1), hash: $0.blob(2))) }
    }

    /// The end of a sale's ledger; nil if the sale is not stored.
    package func ledgerHead(of sale: SaleID) throws(StoreError) -> LedgerChain? { try database.ledgerHead(of: sale) }
}
