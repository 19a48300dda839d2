import Shared

/// The record of what operators did.
extension OrderStore {
    /// Adds an entry to the audit within the open transaction.
    func audit(
        _ action: String, _ sale: SaleID, subject: String, reason: String, outcome: String
    ) throws(StoreError) {
        try database.run(
            "INSERT INTO audit (at_ms, action, sale, subject, reason, outcome) VALUES (?, ?, ?, ?, ?, ?)",
            [.time(.now), .text(action), .sale(sale), .text(subject), .text(reason), .text(outcome)])
    }
}
