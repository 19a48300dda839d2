/// A place in a sale's waiting room, as its holder shows it: a JWT in compact form, HS256, with the claims sale, uuid,
/// epoch, sub (the buyer) and position.
///
/// Its key is derived from that of the buyers' tokens, so that a token never passes for a ticket, nor a ticket for a
/// token; its `kid` is the same, so that both live through a rotation alike.
package struct Ticket: Equatable, Sendable {
    /// The header's `typ`: a type of its own, as RFC 8725 section 3.11 advises.
    package static let type: StaticString = "ticket+jwt"
    private static let purpose: StaticString = "ticket of a waiting room"

    /// The keys that sign tickets where these sign tokens.
    package static func keys(from keys: KeySet) -> KeySet { keys.derived(for: purpose) }

    /// Why a text is no ticket for a purchase; the word is what purchase.lua is told.
    package enum Fault: String, Error, Equatable, Sendable {
        /// Not signed by us, or no ticket at all.
        case forged
        /// Of another sale.
        case foreign
        /// Of another buyer.
        case other
    }

    package var sale: SaleID
    /// The sale's own, as a name may be used again.
    package var uuid: String
    /// That of the Redis that gave the position.
    package var epoch: Int
    package var buyer: String
    package var position: Int

    package init(sale: SaleID, uuid: String, epoch: Int, buyer: String, position: Int) {
        self.sale = sale
        self.uuid = uuid
        self.epoch = epoch
        self.buyer = buyer
        self.position = position
    }
}

/// Signs tickets: about a microsecond each, and nothing is allocated.
package struct TicketMint: ~Copyable {
    private let key: KeySet.Key
    /// The header in base64url and its point.
    private var header = ByteBuffer(capacity: 160)
    private var claims = ByteBuffer(capacity: 512)
    private var mac = ByteBuffer(capacity: HMACSHA256.size)

    /// A mint that signs with the key derived from the first of `keys`, the buyers' own.
    package init(keys: KeySet) {
        key = Ticket.keys(from: keys).keys[0]
        var json = ByteBuffer(capacity: 128)
        json.append("{")
        json.appendMember("alg", "HS256")
        json.appendMember("typ", "\(Ticket.type)")
        json.appendMember("kid", key.id)
        json.append("}")
        Base64URL.encode(json.bytes, into: &header)
        header.append(".")
    }

    /// Appends the ticket of `buyer`.
    package mutating func append(
        sale: SaleID, uuid: String, epoch: Int, buyer: Span<UInt8>, position: Int, to output: inout ByteBuffer
    ) {
        claims.removeAll()
        claims.append("{\"sale\":\"")
        claims.append(sale)
        claims.append("\",\"uuid\":")
        claims.append(json: uuid)
        claims.appendMember("epoch", epoch)
        claims.append(",\"sub\":")
        claims.append(json: buyer)
        claims.appendMember("position", position)
        claims.append("}")
        let start = output.count
        output.append(header)
        Base64URL.encode(claims.bytes, into: &output)
        mac.removeAll()
        key.hmac.authenticate(output.bytes.extracting(start..<output.count), into: &mac)
        output.append(".")
        Base64URL.encode(mac.bytes, into: &output)
    }
}
