package import Shared

/// What stands in the place of a buyer who has been erased from a sale: the same in SQLite and in Redis, so that both go on
/// telling the same story. A pure function of the buyer and the sale's pseudonym.
package struct ErasedBuyer {
    package let buyer: String
    /// `erased:` and the name that the public ledger has for the buyer.
    package let name: String

    package init(_ buyer: String, _ pseudonym: Pseudonym) {
        self.buyer = buyer
        name = "erased:\(pseudonym.of(buyer))"
    }

    /// In place of the order's key, which the buyer's machine made up and may say anything.
    package static func key(_ position: Int) -> String { "erased-\(position)" }

    /// An entry's names and values without the buyer; nil where it is not the buyer's.
    package func rewritten(_ fields: [[UInt8]]) -> [[UInt8]]? {
        let (key, value) = (Array("buyer".utf8), Array(buyer.utf8))
        guard let at = fields.indices.dropLast().first(where: { fields[$0] == key && fields[$0 + 1] == value }) else {
            return unpacking(fields)
        }
        var result = fields
        let position = StreamEntry(id: "", fields: fields).number("position")
        // Names are at every second place from here on, also where a malformed entry has one too many in front.
        for index in stride(from: at % 2, to: fields.count - 1, by: 2) {
            switch String(decoding: fields[index], as: UTF8.self) {
            case "buyer" where fields[index + 1] == value: result[index + 1] = Array(name.utf8)
            case "key": result[index + 1] = Array((position.map(Self.key) ?? "erased").utf8)
            case "trace": result[index + 1] = Array(TraceID.unknown.utf8)
            default: break
            }
        }
        return result
    }

    /// A letter of the dlq stream that was too long for a script has its entry packed in one field.
    private func unpacking(_ fields: [[UInt8]]) -> [[UInt8]]? {
        let name = Array("dlq_packed".utf8)
        guard let at = fields.indices.dropLast().first(where: { fields[$0] == name }),
            let inner = StreamEntry.unpacked(fields[at + 1]).flatMap(rewritten)
        else { return nil }
        var result = fields
        result[at + 1] = StreamEntry.packed(inner)
        return result
    }
}
