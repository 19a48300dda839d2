import Shared

// The characters and small rules of RFC 9110 and RFC 9112 that requests are read by.

let cr = UInt8(ascii: "\r")
let lf = UInt8(ascii: "\n")
let space = UInt8(ascii: " ")
let slash = UInt8(ascii: "/")
let colon = UInt8(ascii: ":")
let dot = UInt8(ascii: ".")

func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

func isBlank(_ byte: UInt8) -> Bool { byte == space || byte == 0x09 }

/// tchar (RFC 9110 section 5.6.2), one bit a character.
func isToken(_ byte: UInt8) -> Bool {
    // 0x00–0x3F: ! # $ % & ' * + - . 0–9        0x40–0x7F: A–Z ^ _ ` a–z | ~
    let low: UInt64 = 0x03FF_6CFA_0000_0000
    let high: UInt64 = 0x57FF_FFFF_C7FF_FFFE
    return byte < 64 ? low >> UInt64(byte) & 1 == 1 : byte < 128 && high >> UInt64(byte - 64) & 1 == 1
}

/// Visible ASCII but `#`: a fragment is never sent (RFC 9112 section 3.2).
func isTarget(_ byte: UInt8) -> Bool { byte > 0x20 && byte < 0x7F && byte != UInt8(ascii: "#") }

/// field-vchar, SP, HTAB and obs-text (RFC 9110 section 5.5).
func isFieldValue(_ byte: UInt8) -> Bool { byte >= 0x20 && byte != 0x7F || byte == 0x09 }

/// uri-host [ ":" port ] (RFC 9110 section 7.2, RFC 3986 section 3.2.2), not empty and without a comma, which would make
/// it a list.
func isHost(_ text: Span<UInt8>) -> Bool {
    var at = 0
    if text.count > 0, text[0] == UInt8(ascii: "[") {
        guard let end = text.firstIndex(of: UInt8(ascii: "]")), end > 1 else { return false }
        for index in 1..<end where !isHexDigit(text[index]) && text[index] != colon && text[index] != dot {
            return false
        }
        at = end + 1
    } else {
        while at < text.count, isRegisteredName(text[at]) { at += 1 }
        guard at > 0 else { return false }
    }
    guard at < text.count else { return true }
    guard text[at] == colon else { return false }
    for index in at + 1..<text.count where !isDigit(text[index]) { return false }
    return true
}

/// A character of reg-name but the comma, one bit a character.
func isRegisteredName(_ byte: UInt8) -> Bool {
    // 0x00–0x3F: ! $ % & ' ( ) * + - . 0–9 ; =        0x40–0x7F: A–Z _ a–z ~
    let low: UInt64 = 0x2BFF_6FF2_0000_0000
    let high: UInt64 = 0x47FF_FFFE_87FF_FFFE
    return byte < 64 ? low >> UInt64(byte) & 1 == 1 : byte < 128 && high >> UInt64(byte - 64) & 1 == 1
}

func isHexDigit(_ byte: UInt8) -> Bool {
    isDigit(byte) || asciiLowercased(byte) &- UInt8(ascii: "a") < 6
}

func equalIgnoringCase(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Bool {
    guard left.count == right.count else { return false }
    for index in left.indices where asciiLowercased(left[index]) != asciiLowercased(right[index]) { return false }
    return true
}
