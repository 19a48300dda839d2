import Shared

// The characters and small rules of RFC 9110 and RFC 9112 by which requests are parsed.

let cr = UInt8(ascii: "\r")
let lf = UInt8(ascii: "\n")
let space = UInt8(ascii: " ")
let slash = UInt8(ascii: "/")
let colon = UInt8(ascii: ":")
let dot = UInt8(ascii: ".")

func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

func isBlank(_ byte: UInt8) -> Bool { byte == space || byte == 0x09 }

/// tchar (RFC 9110 section 5.6.2), one bit per character.
func isToken(_ byte: UInt8) -> Bool {
    // Nearly every character of a header's name is a letter.
    if (byte | 0x20) &- UInt8(ascii: "a") < 26 { return true }
    // 0x00–0x3F: ! # $ % & ' * + - . 0–9        0x40–0x7F: A–Z ^ _ ` a–z | ~
    let low: UInt64 = 0x03FF_6CFA_0000_0000
    let high: UInt64 = 0x57FF_FFFF_C7FF_FFFE
    return byte < 64 ? low >> UInt64(byte) & 1 == 1 : byte < 128 && high >> UInt64(byte - 64) & 1 == 1
}

/// Visible ASCII except `#`: a fragment is never sent (RFC 9112 section 3.2).
func isTarget(_ byte: UInt8) -> Bool { byte > 0x20 && byte < 0x7F && byte != UInt8(ascii: "#") }

/// field-vchar, SP, HTAB and obs-text (RFC 9110 section 5.5).
func isFieldValue(_ byte: UInt8) -> Bool { byte >= 0x20 && byte != 0x7F || byte == 0x09 }

/// The index of the first byte from `start` on that is not allowed in a field value (see `isFieldValue`); the count if
/// there is none.
///
/// Looks at eight bytes at once, because most of a request is field values.
func endOfFieldValue(_ bytes: Span<UInt8>, from start: Int) -> Int {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let highs = ones << 7
    var at = start
    while at + 8 <= bytes.count {
        let word = UInt64(littleEndian: bytes.bytes.unsafeLoadUnaligned(fromByteOffset: at, as: UInt64.self))
        // Sets the high bit of each byte that is below 0x20 or is 0x7F. A borrow may also set the bit of a byte after
        // such a one, never of a byte before it, so the lowest set bit is right.
        let controls = (word &- ones &* 0x20) & ~word
        let deletes = word ^ ones &* 0x7F
        let found = (controls | (deletes &- ones) & ~deletes) & highs
        if found == 0 {
            at += 8
        } else {
            at += found.trailingZeroBitCount / 8
            guard isFieldValue(bytes[at]) else { return at }
            at += 1  // a tab
        }
    }
    while at < bytes.count, isFieldValue(bytes[at]) { at += 1 }
    return at
}

func isHexDigit(_ byte: UInt8) -> Bool { hexValue(byte) != nil }
