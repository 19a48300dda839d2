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
    package static func parse(_ text: String) -> [Win]? {
        if text.isEmpty { return [] }
        var wins: [Win] = []
        for part in text.split(separator: ";", omittingEmptySubsequences: false) {
            let words = part.split(separator: " ", omittingEmptySubsequences: false)
            guard words.count == 5, IdempotencyKey.isValid(String(words[0])), let position = Int(words[1]),
                position >= 1,
                let quantity = Int(words[2]), (1...Limits.quantityMax).contains(quantity), let at = Int(words[3]),
                at >= 0,
                let epoch = Int(words[4]), epoch >= 1
            else { return nil }
            wins.append(
                Win(
                    key: String(words[0]), position: position, quantity: quantity, securedAt: UnixMilliseconds(at),
                    epoch: epoch))
        }
        return wins
    }
}
