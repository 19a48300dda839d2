package import Shared

/// One entry of a sale's ledger, as it is public.
package struct LedgerLine: Equatable, Sendable {
    package let seq: Int
    /// The canonical form (docs/ledger.md), which the hash covers together with the hash before it.
    package let entry: String
    package let hash: [UInt8]

    package init(seq: Int, entry: String, hash: [UInt8]) {
        self.seq = seq
        self.entry = entry
        self.hash = hash
    }

    /// Appends the line as it is published: the entry, with its hash as last member.
    package func append(to text: inout ByteBuffer) {
        entry.withBytes { text.append($0.extracting(0..<$0.count - 1)) }
        text.append(",\"hash\":\"")
        text.append(hex: hash.span)
        text.append("\"}\n")
    }
}

extension StoreReader {
    /// Calls `body` with at most `limit` entries behind `seq`, in order.
    package func ledger(
        of sale: SaleID, after seq: Int, limit: Int, _ body: (LedgerLine) -> Void
    ) throws(StoreError) {
        try database.query(
            "SELECT seq, entry, hash FROM ledger WHERE sale = ? AND seq > ? ORDER BY seq LIMIT ?",
            [.text("\(sale)"), .integer(seq), .integer(limit)]
        ) { body(LedgerLine(seq: $0.integer(0), entry: $0.text(1), hash: $0.blob(2))) }
    }

    /// Where a sale's ledger ends; nil where the sale is not stored.
    package func ledgerHead(of sale: SaleID) throws(StoreError) -> LedgerChain? {
        var head: LedgerChain?
        try database.query(
            "SELECT seq, hash FROM ledger WHERE sale = ? ORDER BY seq DESC LIMIT 1", [.text("\(sale)")]
        ) { head = LedgerChain(seq: $0.integer(0), hash: $0.blob(1)) }
        return head
    }
}
