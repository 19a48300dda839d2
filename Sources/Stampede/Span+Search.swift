import Shared

extension Span<UInt8> {
    /// The index after the first occurrence of `text`.
    func end(of text: StaticString) -> Int? {
        let length = text.utf8CodeUnitCount
        var start = 0
        while start + length <= count {
            if extracting(start..<start + length).equals(text) { return start + length }
            start += 1
        }
        return nil
    }
}
