import Shared

extension OrderStore {
    /// What is kept in memory of a sale; nil if the sale is not stored.
    func knownSale(_ sale: SaleID) throws(StoreError) -> KnownSale? {
        if let known = known[sale] { return known }
        let key = try database.first("SELECT pseudonym_key FROM sales WHERE sale = ?", [.sale(sale)]) { $0.text(0) }
        guard let key else { return nil }
        guard let pseudonym = Pseudonym(key: key) else {
            throw StoreError(code: 0, operation: "read sales", message: "the pseudonym key of \(sale) is damaged")
        }
        let read = KnownSale(pseudonym: pseudonym, chain: try database.ledgerHead(of: sale) ?? LedgerChain())
        known[sale] = read
        return read
    }

    /// Adds one entry to the ledger of a stored sale, within the open transaction.
    func extendLedger(of sale: SaleID, with fact: LedgerFact) throws(StoreError) {
        guard let known = try knownSale(sale) else { preconditionFailure("a ledger without its sale") }
        var text = ByteBuffer(capacity: 256)
        fact.append(seq: known.chain.seq + 1, pseudonym: known.pseudonym, to: &text)
        known.chain.extend(by: text.bytes)
        try database.run(
            "INSERT INTO ledger (sale, seq, entry, hash) VALUES (?, ?, ?, ?)",
            [.sale(sale), .integer(known.chain.seq), .text(text.string), .blob(known.chain.hash)])
    }
}
