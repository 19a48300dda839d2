import Shared

/// A dead letter's entry, as it is kept: the array that Redis sent, `*4\\r\\n$1\\r\\nv\\r\\n…` (RESP2). Byte for byte, whatever
/// the bytes are.
extension StreamEntry {
    static func packed(_ fields: [[UInt8]]) -> [UInt8] {
        var text = ByteBuffer(capacity: 512)
        text.append("*")
        text.append(decimal: fields.count)
        text.append("\r\n")
        for field in fields {
            text.append("$")
            text.append(decimal: field.count)
            text.append("\r\n")
            text.append(field.span)
            text.append("\r\n")
        }
        return text.withUnsafeBytes { Array($0) }
    }

    /// What `packed` made; nil where the bytes are something else.
    static func unpacked(_ bytes: [UInt8]) -> [[UInt8]]? {
        var at = 0
        guard let count = number(after: UInt8(ascii: "*"), in: bytes, &at) else { return nil }
        var fields: [[UInt8]] = []
        for _ in 0..<count {
            guard let length = number(after: UInt8(ascii: "$"), in: bytes, &at), at + length + 2 <= bytes.count else {
                return nil
            }
            fields.append(Array(bytes[at..<at + length]))
            at += length + 2
        }
        // Anything but what `packed` writes (a leading zero, another line end) is not ours, and might be cut in two ways.
        return at == bytes.count && packed(fields) == bytes ? fields : nil
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
