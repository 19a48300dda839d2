import Shared

/// How SQLite keeps the fields of a dead letter, and a dlq stream those of one with very many (`dlq_packed`): as the
/// array that Redis sent, byte for byte, in RESP2.
///
///     *2\r\n$1\r\nv\r\n$1\r\n1\r\n
extension StreamFields {
    package var packed: [UInt8] {
        var text = ByteBuffer(capacity: 512)
        text.append("*")
        text.append(decimal: words.count)
        text.append("\r\n")
        for word in words {
            text.append("$")
            text.append(decimal: word.count)
            text.append("\r\n")
            text.append(word.span)
            text.append("\r\n")
        }
        return text.withUnsafeBytes { Array($0) }
    }

    /// Reads what `packed` wrote; nil for any other bytes.
    init?(packed bytes: [UInt8]) {
        var at = 0
        guard let count = Self.number(after: UInt8(ascii: "*"), in: bytes, &at) else { return nil }
        words = []
        for _ in 0..<count {
            guard let length = Self.number(after: UInt8(ascii: "$"), in: bytes, &at), at + length + 2 <= bytes.count
            else { return nil }
            words.append(Array(bytes[at..<at + length]))
            at += length + 2
        }
        // Two texts must not mean the same fields, so a leading zero or another line end is refused.
        guard at == bytes.count, packed == bytes else { return nil }
    }

    private static func number(after mark: UInt8, in bytes: [UInt8], _ at: inout Int) -> Int? {
        guard at < bytes.count, bytes[at] == mark,
            let end = bytes[at...].firstIndex(of: UInt8(ascii: "\r")), end + 1 < bytes.count
        else { return nil }
        let digits = bytes[at + 1..<end]
        at = end + 2
        return Array(digits).span.decimal
    }
}
