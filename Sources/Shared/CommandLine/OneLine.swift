extension String {
    /// The text as a part of one line on a terminal: control characters and line separators, which would end the line
    /// or steer the terminal, as `\n`, `\r`, `\t` or `\xNN` for each of their bytes.
    package var oneLine: String {
        guard !isOneLine else { return self }
        return unicodeScalars.map { $0.endsLine ? $0.escaped : String($0) }.joined()
    }

    /// Whether the text is a part of one line as it is.
    package var isOneLine: Bool { !unicodeScalars.contains(where: \.endsLine) }
}

extension Unicode.Scalar {
    fileprivate var endsLine: Bool {
        switch properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }

    fileprivate var escaped: String {
        switch self {
        case "\n": "\\n"
        case "\r": "\\r"
        case "\t": "\\t"
        default: String(self).utf8.map { "\\x" + ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        }
    }
}
