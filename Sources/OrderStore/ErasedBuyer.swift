package import Shared

/// What replaces a buyer who is erased from a sale. It is the same in SQLite and in Redis, so that both stores stay
/// equal: a pure function of the buyer and the sale's pseudonym.
package struct ErasedBuyer {
    package let buyer: String
    /// `erased:` and the buyer's name on the public ledger.
    package let name: String

    package init(_ buyer: String, _ pseudonym: Pseudonym) {
        self.buyer = buyer
        name = Self.prefix + pseudonym.of(buyer)
    }

    private static let prefix = "\(BuyerName.erasedPrefix)"

    /// The name of an order's buyer on the public ledger. The order of an erased buyer carries it: so a database that
    /// is older than the erasure, and takes the order in after it, continues the ledger that is published.
    static func pseudonym(of order: Order, _ pseudonym: Pseudonym) -> String {
        let name = order.buyer.dropFirst(prefix.count)
        // Nobody but the erasure makes all three: a trace-id of zeros is never accepted (W3C Trace Context).
        guard order.buyer.hasPrefix(prefix), order.key == key(order.id.position), order.trace == TraceID.unknown,
            String(name).withBytes({ Pseudonym.isValid($0) })
        else { return pseudonym.of(order.buyer) }
        return String(name)
    }

    /// Replaces the order's key, which the buyer's machine made up and which may contain anything.
    package static func key(_ position: Int) -> String { "erased-\(position)" }

    /// The fields of a stream entry without the buyer; nil if the entry is not the buyer's.
    package func rewritten(_ fields: StreamFields) -> StreamFields? {
        let value = Array(buyer.utf8)
        guard let at = fields.firstIndex(of: "buyer", value: value) else { return unpacked(fields) }
        var result = fields
        let position = fields.number("position")
        // Names are at every second index from there, also if a malformed entry has a word too many in front.
        for index in stride(from: at % 2, to: fields.words.count - 1, by: 2) {
            switch String(decoding: fields.words[index], as: UTF8.self) {
            case "buyer" where fields.words[index + 1] == value: result.words[index + 1] = Array(name.utf8)
            case "key": result.words[index + 1] = Array((position.map(Self.key) ?? "erased").utf8)
            case "trace": result.words[index + 1] = Array(TraceID.unknown.utf8)
            default: break
            }
        }
        return result
    }

    /// The same for an entry of the dlq stream that was too long for a script: its fields are packed into one.
    private func unpacked(_ fields: StreamFields) -> StreamFields? {
        guard let at = fields.firstIndex(of: "dlq_packed"),
            let inner = StreamFields(packed: fields.words[at + 1]).flatMap(rewritten)
        else { return nil }
        var result = fields
        result.words[at + 1] = inner.packed
        return result
    }
}
