/// What a buyer can show anyone: this order was secured. A value; `ReceiptSigner` signs it, `ReceiptVerifier` tells whether
/// one is true.
///
/// On the wire it is a JWT (RFC 7519) in compact form. Its claims are these members, always in this order and without
/// white space, so that one order has one text: sale, uuid, epoch, order, position, quantity, buyer, secured_at.
package struct Receipt: Equatable, Sendable {
    /// The sale and the position in it.
    package var order: OrderID
    /// The sale's own, as a name may be used again.
    package var uuid: String
    /// The order's: that of the Redis that decided it.
    package var epoch: Int
    package var quantity: Int
    /// A pseudonym (`Pseudonym`): a receipt that is shown around doesn't say who bought.
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

    /// Why a text is no receipt that counts.
    package enum Refusal: Error, Equatable, Sendable {
        /// Not three strict base64url parts, or a header or claims of another form.
        case malformed
        /// Signed, or not signed at all, with another algorithm than EdDSA.
        case wrongAlgorithm
        /// A JWT, but no receipt: its `typ` is another.
        case wrongType
        /// The key that it names is not in the set.
        case unknownKey
        /// One of its bytes is not what was signed.
        case badSignature
    }

    /// Reads a receipt as it was handed out. Whether it is true, only `ReceiptVerifier` says.
    package init(parsing text: Span<UInt8>) throws(Refusal) {
        self = try CompactReceipt(text).receipt
    }
}

extension ByteBuffer {
    /// Appends a receipt's claims.
    mutating func append(claims receipt: Receipt) {
        append("{\"sale\":\"")
        append(receipt.order.sale)
        append("\"")
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
