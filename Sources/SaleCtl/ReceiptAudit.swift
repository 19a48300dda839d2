import OrderStore
import Shared

/// Compares receipts with a ledger, and with each other.
struct ReceiptAudit {
    private let ledger: LedgerAudit
    private var seen: [OrderID: Receipt] = [:]
    private(set) var checked = 0
    /// Each a sentence.
    private(set) var faults: [String] = []

    init(_ ledger: LedgerAudit) { self.ledger = ledger }

    /// Checks one receipt; if `keys` are given, it must be signed with one of them.
    mutating func check(_ text: String, keys: ReceiptVerifier?) {
        checked += 1
        let receipt: Receipt
        do {
            receipt = try text.withBytes { try keys?.receipt($0) ?? Receipt(parsing: $0) }
        } catch {
            faults.append("receipt \(checked) does not count: \(error)")
            return
        }
        if let other = seen.updateValue(receipt, forKey: receipt.order), other != receipt {
            faults.append("position \(receipt.order.position): two receipts prove two different histories")
        }
        guard "\(receipt.order.sale)" == ledger.sale, receipt.uuid == ledger.uuid else {
            faults.append("receipt \(checked) is of another sale: \(receipt.order.sale), \(receipt.uuid)")
            return
        }
        let position = receipt.order.position
        guard let recorded = ledger.orders[position] else {
            faults.append("position \(position): a receipt has it, and this ledger does not")
            return
        }
        let same = LedgerAudit.Told(
            buyer: receipt.buyer, quantity: receipt.quantity, securedAtMilliseconds: receipt.securedAt.value,
            epoch: receipt.epoch)
        if recorded != same {
            faults.append("position \(position): the receipt and this ledger describe different orders")
        }
    }
}
