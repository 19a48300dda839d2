import HTTPEdge
import Shared

/// Signs tickets and reads them, with keys derived from those of the buyers' tokens.
final class Tickets {
    private var mint: TicketMint
    private var verifier: TicketVerifier
    private var claim = ByteBuffer(capacity: 128)

    init(keys: KeySet) {
        mint = TicketMint(keys: keys)
        verifier = TicketVerifier(keys: keys)
    }

    /// From now on uses the keys derived from these.
    func use(_ keys: KeySet) {
        mint = TicketMint(keys: keys)
        verifier = TicketVerifier(keys: keys)
    }

    /// Calls `body` with what purchase.lua receives about a purchase's ticket; empty if the purchase has none.
    func withClaim<R>(
        of request: borrowing Request, _ sale: SaleID, buyer: Span<UInt8>, _ body: (Span<UInt8>) -> R
    ) -> R {
        claim.removeAll()
        if let ticket = request.value(of: "sale-ticket") {
            if request.count(of: "sale-ticket") == 1 {
                verifier.append(claimOf: ticket, sale: sale, buyer: buyer, to: &claim)
            } else {
                claim.append(Ticket.Fault.forged.rawValue)
            }
        }
        return claim.withBytes(body)
    }

    /// A request's ticket for `sale`; nil if the request has none.
    func ticket(_ request: borrowing Request, _ sale: SaleID) throws(Ticket.Fault) -> Ticket? {
        guard let text = request.value(of: "sale-ticket") else { return nil }
        guard request.count(of: "sale-ticket") == 1 else { throw .forged }
        let ticket = try verifier.ticket(text)
        guard ticket.sale == sale else { throw .foreign }
        return ticket
    }

    /// Appends the ticket for a position.
    func append(
        _ sale: SaleID, uuid: String, epoch: Int, buyer: Span<UInt8>, position: Int, to output: inout ByteBuffer
    ) {
        mint.append(sale: sale, uuid: uuid, epoch: epoch, buyer: buyer, position: position, to: &output)
    }
}
