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

    /// The key that the header names. The algorithm is ours to choose, not the header's (RFC 8725 section 3.1).
    private static func keyID(_ json: Span<UInt8>) throws(Receipt.Refusal) -> String {
        let members = try Members(json)
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
    /// The members to read as numbers. Other members may hold numbers in forms that we don't read.
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
                // If two members had the same name, it would depend on the reader which one counts.
                guard names.insert(name).inserted else { throw .malformed }
                switch try reader.peek() {
                case .string:
                    let value = try reader.string()
                    // None of our strings needs an escape, and with escapes a string has more than one text.
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
