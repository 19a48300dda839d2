import Shared

/// Whether it is uri-host [ ":" port ] (RFC 9110 section 7.2, RFC 3986 section 3.2.2), not empty, and without a comma,
/// which would make it a list.
func isHost(_ text: Span<UInt8>) -> Bool {
    var at = 0
    if text.count > 0, text[0] == UInt8(ascii: "[") {
        guard let end = text.firstIndex(of: UInt8(ascii: "]")), isIPv6Address(text.extracting(1..<end)) else {
            return false
        }
        at = end + 1
    } else {
        at = endOfRegisteredName(text)
        guard at > 0 else { return false }
    }
    guard at < text.count else { return true }
    guard text[at] == colon else { return false }
    for index in at + 1..<text.count where !isDigit(text[index]) { return false }
    return true
}

/// The end of the name at the beginning; an escape (`%2D`) counts as one of its characters.
private func endOfRegisteredName(_ text: Span<UInt8>) -> Int {
    var at = 0
    while at < text.count {
        if isRegisteredName(text[at]) {
            at += 1
        } else if text[at] == UInt8(ascii: "%"), at + 2 < text.count, isHexDigit(text[at + 1]), isHexDigit(text[at + 2])
        {
            at += 3
        } else {
            break
        }
    }
    return at
}

/// A character of reg-name except the comma and the percent sign, one bit per character.
func isRegisteredName(_ byte: UInt8) -> Bool {
    // 0x00–0x3F: ! $ & ' ( ) * + - . 0–9 ; =        0x40–0x7F: A–Z _ a–z ~
    let low: UInt64 = 0x2BFF_6FD2_0000_0000
    let high: UInt64 = 0x47FF_FFFE_87FF_FFFE
    return byte < 64 ? low >> UInt64(byte) & 1 == 1 : byte < 128 && high >> UInt64(byte - 64) & 1 == 1
}

/// Eight groups of up to four hexadecimal digits; `::` may stand once for one or more groups of zeros, and an IPv4
/// address for the last two. No zone: a link's name means nothing to another machine.
private func isIPv6Address(_ text: Span<UInt8>) -> Bool {
    var at = 0
    var groups = 0
    var hasGap = false
    while at < text.count {
        if text[at] == colon {
            // A colon where a group should be is half of a gap, which may open the address.
            let opens = at == 0
            if opens {
                guard text.count > 1, text[1] == colon else { return false }
                at = 1
            }
            guard !hasGap else { return false }
            hasGap = true
            at += 1
            continue
        }
        let start = at
        while at < text.count, isHexDigit(text[at]) { at += 1 }
        if at < text.count, text[at] == dot {
            guard isIPv4Address(text.extracting(start..<text.count)) else { return false }
            groups += 2
            at = text.count
            break
        }
        guard at > start, at - start <= 4 else { return false }
        groups += 1
        guard at < text.count else { break }
        guard text[at] == colon, at + 1 < text.count else { return false }
        at += 1
    }
    return hasGap ? groups < 8 : groups == 8
}

private func isIPv4Address(_ text: Span<UInt8>) -> Bool {
    var start = 0
    for part in 0..<4 {
        let end = part < 3 ? text.firstIndex(of: dot, from: start) ?? text.count : text.count
        guard end > start, end - start <= 3, let value = text.extracting(start..<end).decimal, value <= 255 else {
            return false
        }
        guard part == 3 || end < text.count else { return false }
        start = end + 1
    }
    return true
}
