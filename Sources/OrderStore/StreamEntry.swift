package import Shared

/// One entry of a sale's orders stream, as it was read.
package struct StreamEntry: Sendable {
    /// Redis' id, `ms-seq`.
    package let id: String
    /// Names and values in turn, byte for byte; nil where the entry was deleted from the stream while it was pending.
    package let fields: [[UInt8]]?

    package init(id: String, fields: [[UInt8]]?) {
        self.id = id
        self.fields = fields
    }

    /// A field that reads as a number from 1, for an entry that can't be understood as a whole.
    func number(_ name: String) -> Int? {
        guard let fields else { return nil }
        for index in stride(from: 0, to: fields.count - 1, by: 2) where fields[index] == Array(name.utf8) {
            let text = String(decoding: fields[index + 1], as: UTF8.self)
            return text.withBytes { $0.decimal }.flatMap { $0 >= 1 && $0 <= Limits.stockMax ? $0 : nil }
        }
        return nil
    }

    /// The trace-id of the purchase that it comes from; nil where it has none that is 32 hexadecimal digits.
    package var trace: String? { fields.flatMap { Self.trace(of: $0) } }

    /// The trace-id among names and values in turn.
    package static func trace(of fields: [[UInt8]]) -> String? {
        for index in stride(from: 0, to: fields.count - 1, by: 2) where fields[index] == Array("trace".utf8) {
            let value = fields[index + 1]
            return TraceID.isValid(value.span) ? String(decoding: value, as: UTF8.self) : nil
        }
        return nil
    }

    /// What it says.
    package func event(of sale: SaleID) throws(OrderEvent.Malformed) -> OrderEvent {
        guard let fields else { throw OrderEvent.Malformed(message: "the entry was deleted from the stream") }
        var pairs: [(name: String, value: String)] = []
        for index in stride(from: 0, to: fields.count - 1, by: 2) {
            let (name, value) = (fields[index], fields[index + 1])
            pairs.append((String(decoding: name, as: UTF8.self), String(decoding: value, as: UTF8.self)))
        }
        return try OrderEvent(sale: sale, fields: pairs)
    }
}

/// Why an entry can't be stored, ever: trying again would not help.
package struct Rejection: Equatable, Sendable {
    package enum Reason: String, Sendable {
        /// It can't be understood.
        case malformed
        /// It says something else than what is stored, or would sell more than there is.
        case contradiction
        /// It belongs to a sale whose `create` event is not stored.
        case unknownSale = "unknown_sale"
        /// The database can't take it.
        case unstorable
        /// The worker dies of it.
        case crashesWorker = "crashes_worker"
    }

    package let reason: Reason
    /// One sentence for the operator.
    package let message: String

    /// Whether the guard of the stock in the schema refused it.
    package var isOversell = false
}

/// What became of one entry.
package enum Outcome: Equatable, Sendable {
    case stored
    /// It had been stored before, with the same content.
    case alreadyStored
    /// It had been rejected before, and is with the dead letters.
    case alreadyRejected
    case rejected(Rejection)
}

/// A stream entry's id, `ms-seq`, in the order in which Redis gives them.
package struct StreamID: Comparable, Sendable, CustomStringConvertible {
    package let milliseconds: Int
    /// Which of the entries of that millisecond, from 0.
    package let number: Int

    /// Anything that is no id comes before every id.
    package init(_ text: String) {
        let words = text.split(separator: "-")
        milliseconds = words.count == 2 ? Int(words[0]) ?? 0 : 0
        number = words.count == 2 ? Int(words[1]) ?? 0 : 0
    }

    package var description: String { "\(milliseconds)-\(number)" }

    package static func < (left: StreamID, right: StreamID) -> Bool {
        (left.milliseconds, left.number) < (right.milliseconds, right.number)
    }
}
