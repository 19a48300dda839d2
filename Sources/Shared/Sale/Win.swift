/// One purchase that won, as stored in the `buyers` hash of a sale.
///
/// A buyer's field holds `key position quantity at_ms epoch`; several wins are joined by `;`.
package struct Win: Equatable, Sendable {
    package var key: String
    package var position: Int
    package var quantity: Int
    package var securedAt: UnixMilliseconds
    package var epoch: Int

    package init(key: String, position: Int, quantity: Int, securedAt: UnixMilliseconds, epoch: Int) {
        self.key = key
        self.position = position
        self.quantity = quantity
        self.securedAt = securedAt
        self.epoch = epoch
    }

    /// The win as it is written in the field.
    package var text: String { "\(key) \(position) \(quantity) \(securedAt.value) \(epoch)" }

    /// All wins in one buyer's field; nil if the text is malformed.
    package static func parse(_ text: String) -> [Win]? { text.withBytes { parse($0) } }

    /// The same for bytes, making no String except for the keys: when a sale is sold out, an API process reads all its
    /// winners while everybody else presses.
    package static func parse(_ text: Span<UInt8>) -> [Win]? {
        var wins: [Win] = []
        var start = 0
        while start < text.count {
            let end = text.firstIndex(of: UInt8(ascii: ";"), from: start) ?? text.count
            guard let win = Win(text.extracting(start..<end)) else { return nil }
            wins.append(win)
            // A semicolon must be followed by another win.
            guard end + 1 != text.count else { return nil }
            start = end + 1
        }
        return wins
    }

    /// Reads five words with a space between them.
    private init?(_ text: Span<UInt8>) {
        var start = 0
        func word() -> Range<Int>? {
            guard let space = text.firstIndex(of: UInt8(ascii: " "), from: start) else { return nil }
            defer { start = space + 1 }
            return start..<space
        }
        func number(_ range: Range<Int>?) -> Int? { range.flatMap { text.extracting($0).decimal } }
        guard let key = word(), IdempotencyKey.isValid(text.extracting(key)),
            let position = number(word()), position >= 1,
            let quantity = number(word()), (1...Limits.quantityMax).contains(quantity),
            let securedAt = number(word()), let epoch = number(start..<text.count), epoch >= 1
        else { return nil }
        self.init(
            key: text.extracting(key).string, position: position, quantity: quantity,
            securedAt: UnixMilliseconds(securedAt), epoch: epoch)
    }
}
