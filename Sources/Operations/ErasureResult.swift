package import Shared

/// What an erasure has found, and its JSON: `{"erased":…,"orders":…,"dead_letters":…}`.
package struct ErasureResult: Sendable {
    /// What the buyer is called now.
    let name: String
    let orders: Int
    let letters: Int

    package var figures: Figures {
        ["erased": .text(name), "orders": .number(orders), "dead_letters": .number(letters)]
    }

    package var json: String { ByteBuffer.json { figures.append(to: &$0) } }
}

extension ErasureResult {
    /// nil for a text without these members.
    package init?(parsing bytes: Span<UInt8>) {
        guard let members = try? JSONMembers(bytes, numbers: ["orders", "dead_letters"]),
            let name = members.string("erased"), let orders = members.number("orders"),
            let letters = members.number("dead_letters")
        else { return nil }
        self.init(name: name, orders: orders, letters: letters)
    }
}
