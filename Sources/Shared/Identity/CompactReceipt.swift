/// A parsed receipt: what it says and which key signed it. The signature is not verified yet.
struct CompactReceipt {
    /// Bytes that a receipt may have: header 120, claims 300, signature 86, and room for members that a later release
    /// adds.
    private static let textBytesMax = 2048

    let keyID: String
    let receipt: Receipt
    let signature: [UInt8]
    /// The part of the text that the signature is over.
    let signed: Range<Int>

    init(_ text: Span<UInt8>) throws(Receipt.Refusal) {
        guard text.count <= Self.textBytesMax, let parts = CompactJWS(text),
            let header = Base64URL.decode(text.extracting(parts.header)),
            let claims = Base64URL.decode(text.extracting(parts.payload)),
            let signature = Base64URL.decode(text.extracting(parts.signature))
        else { throw .malformed }
        keyID = try Self.keyID(header.span)
        receipt = try Receipt(claims: claims.span)
        self.signature = signature
        signed = parts.signed
    }

    /// The key that the header names. The algorithm is ours to choose, not the header's (RFC 8725 section 3.1).
    private static func keyID(_ json: Span<UInt8>) throws(Receipt.Refusal) -> String {
        guard let members = try? JSONMembers(json) else { throw .malformed }
        guard members.string("alg") == "\(ReceiptSigner.algorithm)" else { throw .wrongAlgorithm }
        guard members.string("typ") == "\(ReceiptSigner.type)" else { throw .wrongType }
        // `crit` names extensions that must be understood, and we know none (RFC 7515 section 4.1.11).
        guard !members.has("crit"), let id = members.string("kid") else { throw .malformed }
        return id
    }
}

extension Receipt {
    /// Reads a receipt's claims, and ignores members that a later release may have added.
    fileprivate init(claims json: Span<UInt8>) throws(Refusal) {
        guard let members = try? JSONMembers(json, numbers: ["epoch", "position", "quantity"]),
            let sale = members.string("sale").flatMap({ SaleID($0) }),
            let uuid = members.string("uuid"), let epoch = members.number("epoch"),
            let position = members.number("position"), let quantity = members.number("quantity"),
            let buyer = members.string("buyer"), buyer.withBytes({ Pseudonym.isValid($0) }),
            let securedAt = members.string("secured_at").flatMap({ UnixMilliseconds(rfc3339: $0) }),
            epoch >= 1, position >= 1, (1...Limits.quantityMax).contains(quantity)
        else { throw .malformed }
        let order = OrderID(sale: sale, position: position)
        guard members.string("order") == order.description else { throw .malformed }
        self.init(
            order: order, uuid: uuid, epoch: epoch, quantity: quantity, buyer: buyer, securedAt: securedAt)
    }
}
