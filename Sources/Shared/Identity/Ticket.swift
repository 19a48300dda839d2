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
