/// A path below a sale, `/v1/sales/{sale}…`, which all listeners share.
package struct SalePath {
    private static let start: StaticString = "/v1/sales/"

    package let sale: SaleID
    /// Where in the path the part after the name is, with its slash; empty for the sale itself.
    package let tail: Range<Int>

    /// nil if the path is another, or has no valid sale name.
    package init?(_ path: Span<UInt8>) {
        let nameStart = Self.start.utf8CodeUnitCount
        guard path.starts(with: Self.start) else { return nil }
        let end = path.firstIndex(of: UInt8(ascii: "/"), from: nameStart) ?? path.count
        guard let sale = SaleID(path.extracting(nameStart..<end)) else { return nil }
        self.sale = sale
        tail = end..<path.count
    }
}
