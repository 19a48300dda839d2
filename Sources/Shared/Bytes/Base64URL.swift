/// Base64url without padding (RFC 4648 section 5), strictly: each value has exactly one text.
package enum Base64URL {

    /// Decodes `text` and appends the bytes to `output`.
    ///
    /// - Returns: false, with `output` unchanged, for padding, another alphabet, white space, an impossible length, or
    ///   leftover bits that aren't zero: two texts for one value would let a signature be altered unnoticed.
    package static func decode(_ text: Span<UInt8>, into output: inout ByteBuffer) -> Bool {
        let count = text.count
        let remainder = count & 3
        if remainder == 1 { return false }
        var valid = true
        output.append(upTo: count / 4 * 3 + 3) { room in
            decodeTable.withUnsafeBufferPointer { table in
                text.withUnsafeBufferPointer { text in
                    var read = 0
                    var wrote = 0
                    // A value above 63 marks a character outside the alphabet. All values are combined, and checked
                    // once at the end.
                    var seen: UInt8 = 0
                    while read + 4 <= count {
                        let a = table[Int(text[read])]
                        let b = table[Int(text[read + 1])]
                        let c = table[Int(text[read + 2])]
                        let d = table[Int(text[read + 3])]
                        seen |= a | b | c | d
                        room[wrote] = a << 2 | b >> 4
                        room[wrote + 1] = b << 4 | c >> 2
                        room[wrote + 2] = c << 6 | d
                        read += 4
                        wrote += 3
                    }
                    if remainder >= 2 {
                        let a = table[Int(text[read])]
                        let b = table[Int(text[read + 1])]
                        seen |= a | b
                        room[wrote] = a << 2 | b >> 4
                        wrote += 1
                        if remainder == 3 {
                            let c = table[Int(text[read + 2])]
                            seen |= c
                            room[wrote] = b << 4 | c >> 2
                            wrote += 1
                            if c & 0b11 != 0 { seen = 0xFF }
                        } else if b & 0b1111 != 0 {
                            seen = 0xFF
                        }
                    }
                    valid = seen < 64
                    return valid ? wrote : 0
                }
            }
        }
        return valid
    }

    /// Appends the encoding of `bytes` to `output`.
    package static func encode(_ bytes: Span<UInt8>, into output: inout ByteBuffer) {
        output.reserve((bytes.count * 4 + 2) / 3)
        var bits: UInt32 = 0
        var held = 0
        for index in bytes.indices {
            bits = bits << 8 | UInt32(bytes[index])
            held += 8
            while held >= 6 {
                held -= 6
                output.append(alphabet[Int(bits >> UInt32(held) & 63)])
            }
        }
        if held > 0 { output.append(alphabet[Int(bits << UInt32(6 - held) & 63)]) }
    }

    /// The encoding of `bytes`.
    package static func text(_ bytes: Span<UInt8>) -> String {
        var text = ByteBuffer(capacity: bytes.count * 4 / 3 + 2)
        encode(bytes, into: &text)
        return text.string
    }

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    private static let decodeTable: [UInt8] = {
        var table = [UInt8](repeating: 0xFF, count: 256)
        for (value, character) in alphabet.enumerated() { table[Int(character)] = UInt8(value) }
        return table
    }()
}
