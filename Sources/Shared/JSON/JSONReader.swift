/// A strict, allocation-free reader of one JSON text (RFC 8259), for the few shapes that this system accepts.
///
/// The caller asks for what it expects next, and anything else throws. Strings are returned as ranges of the text,
/// still escaped. Nesting is bounded by the caller's own recursion and, for skipped values, by `depthLimit`.
package struct JSONReader: ~Escapable {
    package enum Failure: Error, Equatable {
        case malformed
        case tooDeep
    }

    /// The kind of a value.
    package enum Kind { case object, array, string, number, literal }

    /// A string's bytes between its quotes.
    package struct Text {
        package let range: Range<Int>
        /// Whether it contains a backslash. Without one, the bytes are the value.
        package let escaped: Bool
    }

    /// How deep `skip` follows nesting; our own documents nest three deep.
    private static let depthLimit = 16

    private let bytes: Span<UInt8>
    private var offset = 0
    /// An object or array has just been entered: there is no comma before its first member or element.
    private var isAtFirst = false

    @_lifetime(copy bytes)
    package init(_ bytes: Span<UInt8>) { self.bytes = bytes }

    /// The kind of the next value.
    @_lifetime(self: copy self)
    package mutating func peek() throws(Failure) -> Kind {
        skipSpace()
        guard offset < bytes.count else { throw .malformed }
        switch bytes[offset] {
        case UInt8(ascii: "{"): return .object
        case UInt8(ascii: "["): return .array
        case UInt8(ascii: "\""): return .string
        case UInt8(ascii: "t"), UInt8(ascii: "f"), UInt8(ascii: "n"): return .literal
        default: return .number
        }
    }

    /// Enters an object. Call `member` next.
    @_lifetime(self: copy self)
    package mutating func beginObject() throws(Failure) {
        try expect(UInt8(ascii: "{"))
        isAtFirst = true
    }

    /// The name of the next member, whose value comes next; nil at the end of the object.
    @_lifetime(self: copy self)
    package mutating func member() throws(Failure) -> Text? {
        if try ends(with: UInt8(ascii: "}")) { return nil }
        let name = try string()
        try expect(UInt8(ascii: ":"))
        return name
    }

    /// Enters an array. Call `element` next.
    @_lifetime(self: copy self)
    package mutating func beginArray() throws(Failure) {
        try expect(UInt8(ascii: "["))
        isAtFirst = true
    }

    /// Whether another element follows; false at the end of the array.
    @_lifetime(self: copy self)
    package mutating func element() throws(Failure) -> Bool {
        try !ends(with: UInt8(ascii: "]"))
    }

    /// Reads a string.
    @_lifetime(self: copy self)
    package mutating func string() throws(Failure) -> Text {
        try expect(UInt8(ascii: "\""))
        let start = offset
        var escaped = false
        while offset < bytes.count {
            let byte = bytes[offset]
            if byte == UInt8(ascii: "\"") {
                offset += 1
                return Text(range: start..<offset - 1, escaped: escaped)
            }
            if byte < 0x20 { throw .malformed }
            if byte == UInt8(ascii: "\\") {
                escaped = true
                try skipEscape()
            } else {
                offset += 1
            }
        }
        throw .malformed
    }

    /// Reads an integer without fraction or exponent, of at most 18 digits; anything else is malformed.
    @_lifetime(self: copy self)
    package mutating func integer() throws(Failure) -> Int {
        skipSpace()
        guard offset < bytes.count, bytes[offset] == UInt8(ascii: "-") else { return try naturalNumber() }
        let range = try number()
        guard let value = bytes.extracting(range.dropFirst()).decimal else { throw .malformed }
        return -value
    }

    /// The same without a sign.
    @_lifetime(self: copy self)
    package mutating func naturalNumber() throws(Failure) -> Int {
        let range = try number()
        let digits = bytes.extracting(range)
        guard let value = digits.decimal else { throw .malformed }
        return value
    }

    /// Reads a number of seconds and returns the whole ones (RFC 7519's NumericDate may have a fraction). A sign or an
    /// exponent is malformed: nobody writes a date that way, and dropping an exponent would give another time.
    @_lifetime(self: copy self)
    package mutating func numericDate() throws(Failure) -> Int {
        let range = try number()
        let text = bytes.extracting(range)
        let whole = text.extracting(0..<(text.firstIndex(of: UInt8(ascii: ".")) ?? text.count))
        guard let value = whole.decimal, text.extracting(whole.count..<text.count).isFraction else { throw .malformed }
        return value
    }

    /// Reads `true` or `false`.
    @_lifetime(self: copy self)
    package mutating func boolean() throws(Failure) -> Bool {
        skipSpace()
        let start = offset
        try literal()
        guard bytes[start] != UInt8(ascii: "n") else { throw .malformed }
        return bytes[start] == UInt8(ascii: "t")
    }

    /// Skips the next value, whatever it is.
    @_lifetime(self: copy self)
    package mutating func skip() throws(Failure) { try skip(depth: 0) }

    /// Checks that nothing but white space is left.
    @_lifetime(self: copy self)
    package mutating func end() throws(Failure) {
        skipSpace()
        guard offset == bytes.count else { throw .malformed }
    }

    @_lifetime(self: copy self)
    private mutating func skip(depth: Int) throws(Failure) {
        guard depth < Self.depthLimit else { throw .tooDeep }
        switch try peek() {
        case .object:
            try beginObject()
            while try member() != nil { try skip(depth: depth + 1) }
        case .array:
            try beginArray()
            while try element() { try skip(depth: depth + 1) }
        case .string: _ = try string()
        case .number: _ = try number()
        case .literal: try literal()
        }
    }

    @_lifetime(self: copy self)
    private mutating func ends(with closing: UInt8) throws(Failure) -> Bool {
        // Whether a member, an element or the end comes next: what follows that needs a comma.
        defer { isAtFirst = false }
        skipSpace()
        guard offset < bytes.count else { throw .malformed }
        if bytes[offset] == closing {
            offset += 1
            return true
        }
        if !isAtFirst { try expect(UInt8(ascii: ",")) }
        skipSpace()
        return false
    }

    /// Reads a number by RFC 8259 section 6: -? int frac? exp?
    @_lifetime(self: copy self)
    private mutating func number() throws(Failure) -> Range<Int> {
        skipSpace()
        let start = offset
        if at(UInt8(ascii: "-")) { offset += 1 }
        if at(UInt8(ascii: "0")) { offset += 1 } else { try digits() }
        if at(UInt8(ascii: ".")) {
            offset += 1
            try digits()
        }
        if at(UInt8(ascii: "e")) || at(UInt8(ascii: "E")) {
            offset += 1
            if at(UInt8(ascii: "+")) || at(UInt8(ascii: "-")) { offset += 1 }
            try digits()
        }
        return start..<offset
    }

    @_lifetime(self: copy self)
    private mutating func digits() throws(Failure) {
        let start = offset
        while offset < bytes.count, bytes[offset] &- UInt8(ascii: "0") < 10 { offset += 1 }
        guard offset > start else { throw .malformed }
    }

    @_lifetime(self: copy self)
    private mutating func literal() throws(Failure) {
        let rest = bytes.extracting(offset..<bytes.count)
        if rest.starts(with: "true") || rest.starts(with: "null") {
            offset += 4
        } else if rest.starts(with: "false") {
            offset += 5
        } else {
            throw .malformed
        }
    }

    @_lifetime(self: copy self)
    private mutating func skipEscape() throws(Failure) {
        guard offset + 1 < bytes.count else { throw .malformed }
        switch bytes[offset + 1] {
        case UInt8(ascii: "u"):
            guard offset + 6 <= bytes.count else { throw .malformed }
            for digit in offset + 2..<offset + 6 where hexValue(bytes[digit]) == nil { throw .malformed }
            offset += 6
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            offset += 2
        default: throw .malformed
        }
    }

    private func at(_ byte: UInt8) -> Bool { offset < bytes.count && bytes[offset] == byte }

    @_lifetime(self: copy self)
    private mutating func expect(_ byte: UInt8) throws(Failure) {
        skipSpace()
        guard at(byte) else { throw .malformed }
        offset += 1
    }

    @_lifetime(self: copy self)
    private mutating func skipSpace() {
        while offset < bytes.count {
            switch bytes[offset] {
            case 0x20, 0x09, 0x0A, 0x0D: offset += 1
            default: return
            }
        }
    }
}

extension Span<UInt8> {
    /// Whether the rest of a number, from its point on, is a fraction without an exponent.
    fileprivate var isFraction: Bool {
        for index in indices where index > 0 && self[index] &- UInt8(ascii: "0") >= 10 { return false }
        return true
    }
}
