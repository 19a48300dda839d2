/// One purchase that won, as the `buyers` hash of a sale remembers it.
///
/// A buyer's field holds `key position quantity at_ms epoch`, joined by `;` where the buyer has several.
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

    /// The win as it stands in the field.
    package var text: String { "\(key) \(position) \(quantity) \(securedAt.value) \(epoch)" }

    /// All wins of one buyer's field; nil where the text is not of that form.
    package static func parse(_ text: String) -> [Win]? { text.withBytes { parse($0) } }

    /// The same of bytes, without any text made of them but the keys: when a sale is sold out, an API process reads all of its
    /// winners while everybody else presses.
    package static func parse(_ text: Span<UInt8>) -> [Win]? {
        var wins: [Win] = []
        var start = 0
        while start < text.count {
            let end = text.firstIndex(of: UInt8(ascii: ";"), from: start) ?? text.count
            guard let win = Win(text.extracting(start..<end)) else { return nil }
            wins.append(win)
            // Behind a semicolon stands another win.
            guard end + 1 != text.count else { return nil }
            start = end + 1
        }
        return wins
    }

    /// Five words, and a space between each and the next.
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
