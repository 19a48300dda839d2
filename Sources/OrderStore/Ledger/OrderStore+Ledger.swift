import Shared

/// What is kept in memory of a sale that is being worked on.
final class KnownSale {
    let pseudonym: Pseudonym
    var chain: LedgerChain

    init(pseudonym: Pseudonym, chain: LedgerChain) {
        self.pseudonym = pseudonym
        self.chain = chain
    }
}

extension OrderStore {
    /// Whether the sale is stored.
    func know(_ sale: SaleID) throws(StoreError) -> Bool {
        if known[sale] != nil { return true }
        var key: String?
        try database.query("SELECT pseudonym_key FROM sales WHERE sale = ?", [.text("\(sale)")]) { key = $0.text(0) }
        guard let key else { return false }
        guard let pseudonym = Pseudonym(key: key) else {
            throw StoreError(code: 0, operation: "read sales", message: "the pseudonym key of \(sale) is damaged")
        }
        var chain = LedgerChain()
        try database.query(
            "SELECT seq, hash FROM ledger WHERE sale = ? ORDER BY seq DESC LIMIT 1", [.text("\(sale)")]
        ) { chain = LedgerChain(seq: $0.integer(0), hash: $0.blob(1)) }
        known[sale] = KnownSale(pseudonym: pseudonym, chain: chain)
        return true
    }

    /// Adds one entry to the ledger of a sale that is stored, within the open transaction.
    func extendLedger(of sale: SaleID, with fact: LedgerFact) throws(StoreError) {
        guard try know(sale), let known = known[sale] else { preconditionFailure("a ledger without its sale") }
        var text = ByteBuffer(capacity: 256)
        fact.append(seq: known.chain.seq + 1, pseudonym: known.pseudonym, to: &text)
        known.chain.extend(by: text.bytes)
        try database.run(
            "INSERT INTO ledger (sale, seq, entry, hash) VALUES (?, ?, ?, ?)",
            [.text("\(sale)"), .integer(known.chain.seq), .text(text.string), .blob(known.chain.hash)])
    }
}
