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
        // Each group is stored as a whole word, whose last byte the next group overwrites.
        output.append(upTo: count / 4 * 3 + 4) { room in
            shifted.withUnsafeBufferPointer { shifted in
                text.withUnsafeBufferPointer { text in
                    var read = 0
                    var wrote = 0
                    // All groups are combined, and checked for strangers once at the end.
                    var seen: UInt32 = 0
                    while read + 4 <= count {
                        let group =
                            shifted[Int(text[read])] | shifted[256 + Int(text[read + 1])]
                            | shifted[512 + Int(text[read + 2])] | shifted[768 + Int(text[read + 3])]
                        seen |= group
                        room.storeBytes(of: group.bigEndian, toByteOffset: wrote, as: UInt32.self)
                        read += 4
                        wrote += 3
                    }
                    if remainder >= 2 {
                        var group = shifted[Int(text[read])] | shifted[256 + Int(text[read + 1])]
                        if remainder == 3 { group |= shifted[512 + Int(text[read + 2])] }
                        seen |= group
                        room.storeBytes(of: group.bigEndian, toByteOffset: wrote, as: UInt32.self)
                        wrote += remainder - 1
                        // What the group holds beyond its bytes.
                        if group << UInt32(8 * (remainder - 1)) & 0xFFFF_FF00 != 0 { seen = stranger }
                    }
                    valid = seen & stranger == 0
                    return valid ? wrote : 0
                }
            }
        }
        return valid
    }

    /// The bytes that `text` encodes; nil for a text that is refused above.
    package static func decode(_ text: Span<UInt8>) -> [UInt8]? {
        var bytes = ByteBuffer(capacity: text.count)
        return decode(text, into: &bytes) ? bytes.withUnsafeBytes { Array($0) } : nil
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

    /// In a decoded group: one of its characters is not in the alphabet.
    private static let stranger: UInt32 = 1

    /// By place in a group of four, and by character: its six bits, where they are in the group's three bytes, which
    /// are the word's upper three; `stranger` if it is not in the alphabet.
    private static let shifted: [UInt32] = {
        var table = [UInt32](repeating: stranger, count: 4 * 256)
        for place in 0..<4 {
            for (value, character) in alphabet.enumerated() {
                table[place * 256 + Int(character)] = UInt32(value) << UInt32(26 - 6 * place)
            }
        }
        return table
    }()
}
