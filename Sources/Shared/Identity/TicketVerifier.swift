/// Verifies tickets.
package final class TicketVerifier {
    private let verifier: MACVerifier

    /// - Parameter keys: the buyers' own; the keys for tickets are derived from them.
    package init(keys: KeySet) { verifier = MACVerifier(keys: Ticket.keys(from: keys), type: "\(Ticket.type)") }

    /// The claims; texts where they are in the decoded JSON.
    private struct Claims {
        let sale: SaleID
        let uuid: Range<Int>
        let buyer: JSONReader.Text
        let epoch: Int
        let position: Int
    }

    /// Appends what purchase.lua receives for a ticket that `buyer` shows for `sale`: `POSITION EPOCH UUID`, or the
    /// fault's word. Nothing is allocated, unless the buyer's name has a quote or a backslash.
    package func append(
        claimOf ticket: Span<UInt8>, sale: SaleID, buyer: Span<UInt8>, to output: inout ByteBuffer
    ) {
        let start = output.count
        do throws(JWTRefusal) {
            try verifier.withClaims(of: ticket) { (json) throws(JWTRefusal) in
                let claims = try Self.claims(json)
                guard claims.sale == sale else { return output.append("foreign") }
                guard claims.buyer.equals(buyer, in: json) else { return output.append("other") }
                output.append(decimal: claims.position)
                output.append(" ")
                output.append(decimal: claims.epoch)
                output.append(" ")
                output.append(json.extracting(claims.uuid))
            }
        } catch {
            output.removeLast(output.count - start)
            output.append("forged")
        }
    }

    /// Verifies a ticket and returns what it says.
    package func ticket(_ text: Span<UInt8>) throws(Ticket.Fault) -> Ticket {
        do throws(JWTRefusal) {
            return try verifier.withClaims(of: text) { (json) throws(JWTRefusal) in
                let claims = try Self.claims(json)
                return Ticket(
                    sale: claims.sale, uuid: json.extracting(claims.uuid).string, epoch: claims.epoch,
                    buyer: claims.buyer.withValue(in: json) { $0.string }, position: claims.position)
            }
        } catch {
            throw .forged
        }
    }

    /// Only we sign with this key, so anything other than these five claims, each exactly once, is refused.
    private static func claims(_ json: Span<UInt8>) throws(JWTRefusal) -> Claims {
        var sale: SaleID?
        var uuid: JSONReader.Text?
        var buyer: JSONReader.Text?
        var epoch: Int?
        var position: Int?
        do throws(JSONReader.Failure) {
            var reader = JSONReader(json)
            try reader.beginObject()
            while let name = try reader.member() {
                let name = json.extracting(name.range)
                if sale == nil, name.equals("sale") {
                    let value = try reader.string()
                    guard let id = SaleID(json.extracting(value.range)) else { throw .malformed }
                    sale = id
                } else if uuid == nil, name.equals("uuid") {
                    uuid = try reader.string()
                } else if buyer == nil, name.equals("sub") {
                    buyer = try reader.string()
                } else if epoch == nil, name.equals("epoch") {
                    epoch = try reader.naturalNumber()
                } else if position == nil, name.equals("position") {
                    position = try reader.naturalNumber()
                } else {
                    throw .malformed
                }
            }
            try reader.end()
        } catch {
            throw .malformed
        }
        guard let sale, let uuid, !uuid.escaped, !uuid.range.isEmpty, let buyer, !buyer.range.isEmpty, let epoch,
            let position, (1...Limits.ticketPositionMax).contains(position)
        else { throw .malformed }
        return Claims(sale: sale, uuid: uuid.range, buyer: buyer, epoch: epoch, position: position)
    }
}
