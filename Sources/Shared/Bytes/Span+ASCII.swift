import Glibc

/// Reading ASCII in place: the comparisons and numbers that HTTP, JSON and Redis' replies need.
extension Span<UInt8> {
    /// Whether the bytes are exactly `text`.
    @inlinable @inline(__always) package func equals(_ text: StaticString) -> Bool {
        let length = text.utf8CodeUnitCount
        guard count == length else { return false }
        let other = text.utf8Start
        for index in 0..<length where self[unchecked: index] != other[index] { return false }
        return true
    }

    /// Whether the bytes are `text` in any case. `text` must be in lower case.
    @inlinable @inline(__always) package func equalsIgnoringCase(_ text: StaticString) -> Bool {
        let length = text.utf8CodeUnitCount
        guard count == length else { return false }
        let other = text.utf8Start
        for index in 0..<length where asciiLowercased(self[unchecked: index]) != other[index] { return false }
        return true
    }

    /// Whether the bytes begin with `text`.
    @inlinable package func starts(with text: StaticString) -> Bool {
        count >= text.utf8CodeUnitCount && extracting(first: text.utf8CodeUnitCount).equals(text)
    }

    /// Whether both hold the same bytes.
    package func equals(_ other: Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        guard count > 0 else { return true }
        return withUnsafeBytes { own in
            other.withUnsafeBytes { memcmp(own.baseAddress!, $0.baseAddress!, own.count) == 0 }
        }
    }

    /// The value of 1 to 18 decimal digits; nil for anything else. With that many it can't overflow.
    @inlinable package var decimal: Int? {
        guard count >= 1, count <= 18 else { return nil }
        var value = 0
        for index in 0..<count {
            let digit = self[unchecked: index] &- UInt8(ascii: "0")
            guard digit < 10 else { return nil }
            value = value * 10 + Int(digit)
        }
        return value
    }

    /// The index of the first `byte` at or after `start`.
    package func firstIndex(of byte: UInt8, from start: Int = 0) -> Int? {
        withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress, start < bytes.count else { return nil }
            // memchr looks at 32 bytes or more at once.
            guard let found = memchr(base + start, Int32(byte), bytes.count - start) else { return nil }
            return UnsafeRawPointer(found) - base
        }
    }

    /// The bytes as text; invalid UTF-8 is replaced by U+FFFD.
    package var string: String {
        withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
    }
}

/// `byte` in lower case if it is an ASCII letter.
@inlinable package func asciiLowercased(_ byte: UInt8) -> UInt8 {
    byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte
}

extension String {
    /// Calls `body` with the text's UTF-8 bytes.
    package func withBytes<R>(_ body: (Span<UInt8>) throws -> R) rethrows -> R {
        var copy = self
        return try copy.withUTF8 { try body($0.span) }
    }
}
