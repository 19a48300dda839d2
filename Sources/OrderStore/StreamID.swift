/// The id of a stream entry, `ms-seq`, in the order in which Redis assigns them.
package struct StreamID: Comparable, Sendable, CustomStringConvertible {
    package let milliseconds: Int
    /// The entry's number within that millisecond, from 0.
    package let number: Int

    /// Text that is not an id sorts before every id.
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
