/// Bytes as one line of text, without loss: printable characters as they are, a backslash as `\\`, any other byte as
/// `\n`, `\r`, `\t` or `\xNN`.
enum EscapedText {
    static func of(_ bytes: [UInt8]) -> String {
        // Letters of any script are printable; bytes that are not UTF-8 are shown one by one.
        guard let text = String(validating: bytes, as: UTF8.self) else { return bytes.map(escaped).joined() }
        return text.unicodeScalars.map { scalar in
            if scalar.isASCII { return escaped(UInt8(scalar.value)) }
            return scalar.isShown ? String(scalar) : String(scalar).utf8.map(escaped).joined()
        }.joined()
    }

    private static func escaped(_ byte: UInt8) -> String {
        switch byte {
        case UInt8(ascii: "\\"): "\\\\"
        case 0x0A: "\\n"
        case 0x0D: "\\r"
        case 0x09: "\\t"
        case 0x20..<0x7F: String(UnicodeScalar(byte))
        default: "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
    }
}

extension Unicode.Scalar {
    /// Whether a terminal shows it as a character of its own: no control, and no mark that changes what is around it.
    fileprivate var isShown: Bool {
        switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .surrogate, .unassigned,
            .nonspacingMark, .enclosingMark, .spacingMark:
            false
        default: true
        }
    }
}
