/// A receipt's text, taken apart: what it says, by which key, and nothing yet about whether that is true.
struct CompactReceipt {
    /// Bytes a receipt may have: header 120, claims 300, signature 86, and room for members that a later release adds.
    private static let textBytesMax = 2048

    let keyID: String
    let receipt: Receipt
    let signature: [UInt8]
    /// The part of the text that the signature is over.
    let signed: Range<Int>

    init(_ text: Span<UInt8>) throws(Receipt.Refusal) {
        guard text.count <= Self.textBytesMax, let parts = CompactJWS(text),
            let header = Self.decode(text.extracting(parts.header)),
            let claims = Self.decode(text.extracting(parts.payload)),
            let signature = Self.decode(text.extracting(parts.signature))
        else { throw .malformed }
        keyID = try Self.keyID(header.span)
        receipt = try Receipt(claims: claims.span)
        self.signature = signature
        signed = parts.signed
    }

    private static func decode(_ text: Span<UInt8>) -> [UInt8]? {
        var bytes = ByteBuffer(capacity: text.count)
        guard Base64URL.decode(text, into: &bytes) else { return nil }
        return bytes.withUnsafeBytes { Array($0) }
    }

    /// The key that the header names. Which algorithm counts is for us to say, not for the header (RFC 8725 section 3.1).
    private static func keyID(_ json: Span<UInt8>) throws(Receipt.Refusal) -> String {
        let members = try Members(json)
        guard members.string("alg") == "\(ReceiptSigner.algorithm)" else { throw .wrongAlgorithm }
        guard members.string("typ") == "\(ReceiptSigner.type)" else { throw .wrongType }
        // An extension that its signer wants understood, and that we don't (RFC 7515 section 4.1.11).
        guard !members.has("crit"), let id = members.string("kid") else { throw .malformed }
        return id
    }
}

extension Receipt {
    /// Reads a receipt's claims; what a later release may have added is passed over.
    fileprivate init(claims json: Span<UInt8>) throws(Refusal) {
        let members = try Members(json)
        guard let sale = members.string("sale").flatMap({ SaleID($0) }),
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

/// The members of a small JSON object.
private struct Members {
    /// The numbers among them; any other may be of a form that we don't read.
    private static let numberNames: Set<String> = ["epoch", "position", "quantity"]

    private var strings: [String: String] = [:]
    private var numbers: [String: Int] = [:]
    private var names: Set<String> = []

    init(_ json: Span<UInt8>) throws(Receipt.Refusal) {
        do throws(JSONReader.Failure) {
            var reader = JSONReader(json)
            try reader.beginObject()
            while let text = try reader.member() {
                let name = json.extracting(text.range).string
                // Two of one name: which one counts would depend on the reader.
                guard names.insert(name).inserted else { throw .malformed }
                switch try reader.peek() {
                case .string:
                    let value = try reader.string()
                    // None of ours needs an escape, and an escaped string has more than one text.
                    if !value.escaped { strings[name] = json.extracting(value.range).string }
                case .number where Self.numberNames.contains(name): numbers[name] = try reader.naturalNumber()
                default: try reader.skip()
                }
            }
            try reader.end()
        } catch {
            throw .malformed
        }
    }

    func has(_ name: String) -> Bool { names.contains(name) }
    func string(_ name: String) -> String? { strings[name] }
    func number(_ name: String) -> Int? { numbers[name] }
}
