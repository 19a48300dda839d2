/// A place in a sale's waiting room. Its holder has it as a JWT in compact form, signed with HS256, with the claims
/// sale, uuid, epoch, sub (the buyer) and position.
///
/// Its key is derived from that of the buyers' tokens, so that a token never passes for a ticket, nor a ticket for a
/// token. The `kid` is the same, so that tokens and tickets survive a rotation alike.
package struct Ticket: Equatable, Sendable {
    /// The header's `typ`: a type of its own, as RFC 8725 section 3.11 advises.
    package static let type: StaticString = "ticket+jwt"
    private static let purpose: StaticString = "ticket of a waiting room"

    /// The keys for tickets, derived from the keys for tokens.
    package static func keys(from keys: KeySet) -> KeySet { keys.derived(for: purpose) }

    /// Why a text is not a ticket for a purchase. The raw value is the word that purchase.lua receives.
    package enum Fault: String, Error, Equatable, Sendable {
        /// Not signed by us, or not a ticket at all.
        case forged
        /// It is for another sale.
        case foreign
        /// It belongs to another buyer.
        case other
    }

    package var sale: SaleID
    /// The sale's UUID, because a name may be used again.
    package var uuid: String
    /// The epoch of the Redis that gave the position.
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
