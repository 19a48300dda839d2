/// A path below a sale, `/v1/sales/{sale}…`: what all listeners have in common.
package struct SalePath {
    private static let start: StaticString = "/v1/sales/"

    package let sale: SaleID
    /// Where in the path stands what follows the name, its slash included; empty for the sale itself.
    package let tail: Range<Int>

    /// nil where the path is another, or names no sale.
    package init?(_ path: Span<UInt8>) {
        let nameStart = Self.start.utf8CodeUnitCount
        guard path.starts(with: Self.start) else { return nil }
        let end = path.firstIndex(of: UInt8(ascii: "/"), from: nameStart) ?? path.count
        guard let sale = SaleID(path.extracting(nameStart..<end)) else { return nil }
        self.sale = sale
        tail = end..<path.count
    }
}
