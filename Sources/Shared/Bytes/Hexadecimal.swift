extension Span<UInt8> {
    /// Whether there are only hexadecimal digits, all in lower case.
    package var isLowerHex: Bool {
        for index in indices where hexValue(self[index]).map(lowerHexDigit) != self[index] { return false }
        return true
    }
}
