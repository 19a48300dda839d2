import Shared

/// The fields of a stream entry, byte for byte as Redis sent them.
package struct StreamFields: Equatable, Sendable, ExpressibleByArrayLiteral {
    /// Alternating names and values. The last name of a malformed entry may have no value.
    package var words: [[UInt8]]

    package init(_ words: [[UInt8]]) { self.words = words }

    package init(arrayLiteral words: [UInt8]...) { self.words = words }

    /// The value of the first field called `name`.
    package subscript(_ name: String) -> [UInt8]? {
        let name = Array(name.utf8)
        return stride(from: 0, to: words.count - 1, by: 2).first { words[$0] == name }.map { words[$0 + 1] }
    }

    /// Where a word `name` is followed by another word, or by `value`. Unlike the subscript it also finds a name at an
    /// odd index, as in a malformed entry with a word too many in front.
    package func firstIndex(of name: String, value: [UInt8]? = nil) -> Int? {
        let name = Array(name.utf8)
        return words.indices.dropLast().first { words[$0] == name && (value == nil || words[$0 + 1] == value) }
    }

    /// A field that reads as a number from 1, for an entry that can't be understood as a whole.
    func number(_ name: String) -> Int? {
        guard let value = self[name] else { return nil }
        let number = String(decoding: value, as: UTF8.self).withBytes { $0.decimal }
        return number.flatMap { $0 >= 1 && $0 <= Limits.stockMax ? $0 : nil }
    }

    /// The field `trace`, if it is a trace-id.
    var trace: String? {
        guard let value = self["trace"], TraceID.isValid(value.span) else { return nil }
        return String(decoding: value, as: UTF8.self)
    }

    /// The event that they record.
    func event(of sale: SaleID) throws(OrderEvent.Malformed) -> OrderEvent { try OrderEvent(sale: sale, fields: pairs) }

    /// Names and values as text.
    private var pairs: [(name: String, value: String)] {
        stride(from: 0, to: words.count - 1, by: 2).map {
            (String(decoding: words[$0], as: UTF8.self), String(decoding: words[$0 + 1], as: UTF8.self))
        }
    }
}
