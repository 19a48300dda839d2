/// A buyer's name, the `sub` of its token: 1 to 128 bytes of printable ASCII without space.
package enum BuyerName {
    package static func isValid(_ text: Span<UInt8>) -> Bool {
        guard text.count >= 1, text.count <= Limits.buyerBytesMax else { return false }
        for index in text.indices where text[index] <= 0x20 || text[index] >= 0x7F { return false }
        return true
    }

    package static func isValid(_ text: String) -> Bool { text.withBytes { isValid($0) } }

    /// How the names begin that stand for erased buyers. Somebody who logged in under such a name would own their
    /// orders.
    package static let erasedPrefix: StaticString = "erased:"

    /// Whether a token may name this buyer.
    package static func isAccepted(_ text: Span<UInt8>) -> Bool { isValid(text) && !text.starts(with: erasedPrefix) }

    package static func isAccepted(_ text: String) -> Bool { text.withBytes { isAccepted($0) } }
}
