/// Proof of an order that a buyer can show anyone. This is the value; `ReceiptSigner` signs it, and `ReceiptVerifier`
/// checks a signed one.
///
/// On the wire it is a JWT (RFC 7519) in compact form. Its claims are these members, always in this order and without
/// white space, so that each order has one text: sale, uuid, epoch, order, position, quantity, buyer, secured_at.
package struct Receipt: Equatable, Sendable {
    /// The sale and the position in it.
    package var order: OrderID
    /// The sale's UUID, because a name may be used again.
    package var uuid: String
    /// The order's epoch: that of the Redis that decided it.
    package var epoch: Int
    package var quantity: Int
    /// A pseudonym (`Pseudonym`), so that a receipt doesn't show who bought.
    package var buyer: String
    package var securedAt: UnixMilliseconds

    package init(
        order: OrderID, uuid: String, epoch: Int, quantity: Int, buyer: String, securedAt: UnixMilliseconds
    ) {
        self.order = order
        self.uuid = uuid
        self.epoch = epoch
        self.quantity = quantity
        self.buyer = buyer
        self.securedAt = securedAt
    }

    /// Why a text is not accepted as a receipt.
    package enum Refusal: Error, Equatable, Sendable, CustomStringConvertible {
        /// Not three strict base64url parts, or a header or claims in another form.
        case malformed
        /// The algorithm is not EdDSA, or none at all.
        case wrongAlgorithm
        /// A JWT of another `typ`.
        case wrongType
        /// The key that it names is not in the set.
        case unknownKey
        /// The signature doesn't match the text.
        case badSignature

        package var description: String {
            switch self {
            case .malformed: "it is not in the form of a receipt"
            case .wrongAlgorithm: "it is not signed with EdDSA"
            case .wrongType: "it is a signed statement of another kind"
            case .unknownKey: "the key that it names is not among those given"
            case .badSignature: "its signature does not match what it says"
            }
        }
    }

    /// Reads a receipt without verifying its signature, which `ReceiptVerifier` does.
    package init(parsing text: Span<UInt8>) throws(Refusal) {
        self = try CompactReceipt(text).receipt
    }
}

extension ByteBuffer {
    /// Appends a receipt's claims.
    mutating func append(claims receipt: Receipt) {
        append("{")
        appendMember("sale", receipt.order.sale)
        appendMember("uuid", receipt.uuid)
        appendMember("epoch", receipt.epoch)
        appendMember("order", receipt.order.description)
        appendMember("position", receipt.order.position)
        appendMember("quantity", receipt.quantity)
        appendMember("buyer", receipt.buyer)
        appendMember("secured_at", time: receipt.securedAt)
        append("}")
    }
}
