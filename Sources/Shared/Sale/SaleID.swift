/// A sale's name: `[a-z0-9-]{1,32}`, stored inline so that routing a request allocates nothing.
package struct SaleID: Hashable, Comparable, Sendable, CustomStringConvertible {
    private var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    /// Bytes of the name.
    package let count: Int

    /// nil if `text` is not a sale name.
    package init?(_ text: Span<UInt8>) {
        guard text.count >= 1, text.count <= Limits.saleBytesMax else { return nil }
        count = text.count
        for index in text.indices {
            let byte = text[index]
            let allowed =
                byte &- UInt8(ascii: "a") < 26 || byte &- UInt8(ascii: "0") < 10 || byte == UInt8(ascii: "-")
            guard allowed else { return nil }
        }
        withUnsafeMutableBytes(of: &words) { words in text.withUnsafeBytes { words.copyMemory(from: $0) } }
    }

    /// nil if `text` is not a sale name.
    package init?(_ text: String) {
        guard let id = text.withBytes({ SaleID($0) }) else { return nil }
        self = id
    }

    package var description: String { withUnsafeBytes(of: words) { String(decoding: $0.prefix(count), as: UTF8.self) } }

    package static func == (left: SaleID, right: SaleID) -> Bool {
        left.count == right.count && left.words == right.words
    }

    /// In the order of the names' bytes: read as big-endian, a word's first byte counts most. The zeros that fill up a
    /// name are less than any byte of one.
    package static func < (left: SaleID, right: SaleID) -> Bool {
        let (left, right) = (left.words, right.words)
        return (left.0.bigEndian, left.1.bigEndian, left.2.bigEndian, left.3.bigEndian)
            < (right.0.bigEndian, right.1.bigEndian, right.2.bigEndian, right.3.bigEndian)
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(words.0)
        hasher.combine(words.1)
        hasher.combine(words.2)
        hasher.combine(words.3)
    }

    fileprivate func append(to buffer: inout ByteBuffer) {
        Swift.withUnsafeBytes(of: words) { buffer.append(UnsafeRawBufferPointer(rebasing: $0[0..<count])) }
    }
}

extension ByteBuffer {
    /// Appends a sale's name.
    package mutating func append(_ sale: SaleID) { sale.append(to: &self) }
}
