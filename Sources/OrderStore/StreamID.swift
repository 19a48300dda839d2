/// The id of a stream entry, `ms-seq`, in the order in which Redis assigns them.
package struct StreamID: Comparable, Sendable, CustomStringConvertible {
    package let milliseconds: Int
    /// The entry's number within that millisecond, from 0.
    package let number: Int

    /// Before every entry.
    package static let zero = StreamID("0-0")

    /// Text that is not an id sorts before every id.
    package init(_ text: String) {
        let words = text.split(separator: "-")
        milliseconds = words.count == 2 ? Int(words[0]) ?? 0 : 0
        number = words.count == 2 ? Int(words[1]) ?? 0 : 0
    }

    /// Whether `text` has the form of an id: two numbers of at most 20 digits, as 64 bits have.
    package static func isValid(_ text: String) -> Bool {
        let words = text.split(separator: "-", omittingEmptySubsequences: false)
        return words.count == 2
            && words.allSatisfy {
                (1...20).contains($0.utf8.count) && $0.utf8.allSatisfy { $0 &- UInt8(ascii: "0") < 10 }
            }
    }

    package var description: String { "\(milliseconds)-\(number)" }

    package static func < (left: StreamID, right: StreamID) -> Bool {
        (left.milliseconds, left.number) < (right.milliseconds, right.number)
    }
}
