/// What anyone can verify of a ticket: that this position in a sale's waiting room was given to this buyer. Only we can
/// verify a ticket itself; this is signed with the receipt key, so we can't deny it.
///
/// Its claims are these members, always in this order and without white space: sale, uuid, epoch, position, buyer.
package struct TicketProof: Equatable, Sendable {
    /// The header's `typ`, which keeps a proof from passing for a receipt.
    package static let type: StaticString = "ticket-proof+jwt"

    package var sale: SaleID
    package var uuid: String
    package var epoch: Int
    package var position: Int
    /// A pseudonym (`Pseudonym`), the same as in receipts and in the ledger.
    package var buyer: String

    package init(sale: SaleID, uuid: String, epoch: Int, position: Int, buyer: String) {
        self.sale = sale
        self.uuid = uuid
        self.epoch = epoch
        self.position = position
        self.buyer = buyer
    }
}

extension ByteBuffer {
    /// Appends a proof's claims.
    mutating func append(claims proof: TicketProof) {
        append("{")
        appendMember("sale", proof.sale)
        appendMember("uuid", proof.uuid)
        appendMember("epoch", proof.epoch)
        appendMember("position", proof.position)
        appendMember("buyer", proof.buyer)
        append("}")
    }
}
