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
    /// nil for any other text.
    package init?(parsing bytes: Span<UInt8>) {
        var erased: String?
        var numbers: [String: Int] = [:]
        do throws(JSONReader.Failure) {
            var reader = JSONReader(bytes)
            try reader.beginObject()
            while let name = try reader.member()?.value(in: bytes) {
                if name == "erased" {
                    erased = try reader.text(in: bytes)
                } else {
                    numbers[name] = try reader.naturalNumber()
                }
            }
            try reader.end()
        } catch {
            return nil
        }
        guard let erased, let orders = numbers["orders"], let letters = numbers["dead_letters"] else { return nil }
        self.init(name: erased, orders: orders, letters: letters)
    }
}
