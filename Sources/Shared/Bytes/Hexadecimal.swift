/// The value of a hexadecimal digit of either case; nil for any other byte.
package func hexValue(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
    default: nil
    }
}

/// The lower-case hexadecimal digit of a value below 16.
@inlinable package func lowerHexDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") &+ value : UInt8(ascii: "a") &+ (value &- 10)
}

extension Span<UInt8> {
    /// The bytes as lower-case hexadecimal.
    package var hex: String {
        var text = ByteBuffer(capacity: count * 2)
        text.append(hex: self)
        return text.string
    }

    /// Whether all bytes are hexadecimal digits in lower case.
    package var isLowerHex: Bool {
        for index in indices where hexValue(self[index]).map(lowerHexDigit) != self[index] { return false }
        return true
    }
}

extension [UInt8] {
    /// Decodes hexadecimal digits of either case; nil if `hex` is anything else.
    package init?(hex: String) {
        let digits = hex.utf8.map(hexValue)
        guard digits.count % 2 == 0 else { return nil }
        self.init()
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let high = digits[index], let low = digits[index + 1] else { return nil }
            append(high << 4 | low)
        }
    }
}

extension ByteBuffer {
    /// Appends `bytes` as lower-case hexadecimal.
    package mutating func append(hex bytes: Span<UInt8>) {
        reserve(bytes.count * 2)
        for index in bytes.indices {
            append(lowerHexDigit(bytes[index] >> 4))
            append(lowerHexDigit(bytes[index] & 15))
        }
    }

    /// Appends `word` as 16 lower-case hexadecimal digits.
    package mutating func append(hex word: UInt64) {
        append(upTo: 16) { room in
            room.storeBytes(of: lowerHexDigits(word >> 32).bigEndian, as: UInt64.self)
            room.storeBytes(of: lowerHexDigits(word & 0xFFFF_FFFF).bigEndian, toByteOffset: 8, as: UInt64.self)
            return 16
        }
    }
}

/// The eight lower-case hexadecimal digits of a value below 2^32, the first in the highest byte. All are computed at
/// once, because three ids are written for each request.
private func lowerHexDigits(_ value: UInt64) -> UInt64 {
    // Spreads the value, four bits to each byte.
    var nibbles = (value << 16 | value) & 0x0000_FFFF_0000_FFFF
    nibbles = (nibbles << 8 | nibbles) & 0x00FF_00FF_00FF_00FF
    nibbles = (nibbles << 4 | nibbles) & 0x0F0F_0F0F_0F0F_0F0F
    // 1 in each byte that is 10 or more: adding 6 carries it past 15. In ASCII "a" is 40 after "9", so such a byte
    // needs 39 more than a digit does.
    let letters = (nibbles &+ 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
    return nibbles &+ 0x3030_3030_3030_3030 &+ letters &* 39
}
