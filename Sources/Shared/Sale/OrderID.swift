/// An order's name: `{sale}-{position}`.
package struct OrderID: Hashable, Sendable, CustomStringConvertible {
    package let sale: SaleID
    package let position: Int

    package init(sale: SaleID, position: Int) {
        self.sale = sale
        self.position = position
    }

    /// nil unless `text` is exactly how an order's name is written.
    package init?(_ text: Span<UInt8>) {
        guard let dash = text.indices.last(where: { text[$0] == UInt8(ascii: "-") }),
            let sale = SaleID(text.extracting(0..<dash))
        else { return nil }
        let digits = text.extracting(dash + 1..<text.count)
        guard let position = digits.decimal, position >= 1, digits[0] != UInt8(ascii: "0") else { return nil }
        self.init(sale: sale, position: position)
    }

    package var description: String { "\(sale)-\(position)" }
}

extension ByteBuffer {
    /// Appends an order's name, `{sale}-{position}`.
    package mutating func appendOrderID(_ sale: SaleID, position: Int) {
        append(sale)
        append(UInt8(ascii: "-"))
        append(decimal: position)
    }
}
