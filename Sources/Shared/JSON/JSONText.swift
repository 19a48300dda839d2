extension JSONReader {
    /// Reads a string and resolves its escapes. Half a surrogate pair, or bytes that are not UTF-8, are malformed.
    @_lifetime(self: copy self)
    package mutating func text(in bytes: Span<UInt8>) throws(Failure) -> String {
        let text = try string()
        guard let value = text.value(in: bytes) else { throw .malformed }
        return value
    }
}

extension JSONReader.Text {
    /// Calls `body` with the string's value, or with U+FFFD if it has none. Allocates only if there are escapes.
    ///
    /// Inlined, a token without escapes costs no instruction more than if they were refused; otherwise 66 more.
    @inline(__always)
    package func withValue<R, E: Error>(
        in bytes: Span<UInt8>, _ body: (Span<UInt8>) throws(E) -> R
    ) throws(E) -> R {
        guard escaped else { return try body(bytes.extracting(range)) }
        return try body(Array((value(in: bytes) ?? "\u{FFFD}").utf8).span)
    }

    /// Whether the string's value is `other`.
    package func equals(_ other: Span<UInt8>, in bytes: Span<UInt8>) -> Bool {
        withValue(in: bytes) { $0.equals(other) }
    }

    package func equals(_ other: String, in bytes: Span<UInt8>) -> Bool {
        other.withBytes { equals($0, in: bytes) }
    }

    /// Whether a text with escapes spells one of `names`, or nothing at all. Who compares it as written, as for the
    /// names that are read of a token, does not see that; other readers do.
    func spells(oneOf names: [String], in bytes: Span<UInt8>) -> Bool {
        guard let value = value(in: bytes) else { return true }
        return names.contains(value)
    }

    /// The string's value, with its escapes resolved; nil if it has half a surrogate pair, or is not UTF-8.
    ///
    /// - Parameter bytes: the JSON text that it was read from.
    package func value(in bytes: Span<UInt8>) -> String? {
        let raw = bytes.extracting(range)
        var units: [UInt8] = []
        units.reserveCapacity(raw.count)
        var index = 0
        while index < raw.count {
            guard raw[index] == UInt8(ascii: "\\") else {
                units.append(raw[index])
                index += 1
                continue
            }
            let escape = raw[index + 1]
            index += 2
            switch escape {
            case UInt8(ascii: "b"): units.append(0x08)
            case UInt8(ascii: "f"): units.append(0x0C)
            case UInt8(ascii: "n"): units.append(0x0A)
            case UInt8(ascii: "r"): units.append(0x0D)
            case UInt8(ascii: "t"): units.append(0x09)
            case UInt8(ascii: "u"):
                guard let scalar = Self.scalar(raw, &index) else { return nil }
                units += Array(String(Character(scalar)).utf8)
            default: units.append(escape)
            }
        }
        return String(validating: units, as: UTF8.self)
    }

    /// The scalar of `\uXXXX`, or of a surrogate pair of two of them; `index` is after the `u`.
    private static func scalar(_ raw: Span<UInt8>, _ index: inout Int) -> Unicode.Scalar? {
        let first = unit(raw, index)
        index += 4
        guard 0xD800..<0xDC00 ~= first else { return Unicode.Scalar(first) }
        guard index + 6 <= raw.count, raw[index] == UInt8(ascii: "\\"), raw[index + 1] == UInt8(ascii: "u") else {
            return nil
        }
        let second = unit(raw, index + 2)
        guard 0xDC00..<0xE000 ~= second else { return nil }
        index += 6
        return Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
    }

    /// The value of four digits; the reader has checked that they are hexadecimal.
    private static func unit(_ raw: Span<UInt8>, _ start: Int) -> UInt32 {
        var value: UInt32 = 0
        for index in start..<start + 4 { value = value << 4 | UInt32(hexValue(raw[index]) ?? 0) }
        return value
    }
}
