import HTTPEdge
import Shared

/// Signs tickets and reads them, under keys that follow those of the buyers' tokens.
final class Tickets {
    private var mint: TicketMint
    private var verifier: TicketVerifier
    private var claim = ByteBuffer(capacity: 128)

    init(keys: KeySet) {
        mint = TicketMint(keys: keys)
        verifier = TicketVerifier(keys: keys)
    }

    /// Uses the keys that belong to these from here on.
    func use(_ keys: KeySet) {
        mint = TicketMint(keys: keys)
        verifier = TicketVerifier(keys: keys)
    }

    /// Calls `body` with what purchase.lua is told of the ticket that a purchase brings; empty where it brings none.
    func withClaim<R>(
        of request: borrowing Request, _ sale: SaleID, buyer: Span<UInt8>, _ body: (Span<UInt8>) -> R
    ) -> R {
        claim.removeAll()
        if let ticket = request.value(of: "sale-ticket") {
            if request.count(of: "sale-ticket") == 1 {
                verifier.append(claimOf: ticket, sale: sale, buyer: buyer, to: &claim)
            } else {
                claim.append("forged")
            }
        }
        return claim.withBytes(body)
    }

    /// The ticket that a request brings for `sale`; nil where it brings none.
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

extension TicketFault {
    init(_ fault: Ticket.Fault) {
        switch fault {
        case .forged: self = .forged
        case .foreign: self = .foreign
        case .other: self = .other
        }
    }
}
