/// Writing JSON (RFC 8259) member by member, without building an object tree.
extension ByteBuffer {
    /// Appends `text` as a JSON string.
    package mutating func append(json text: String) {
        var text = text
        text.withUTF8 { append(json: $0.span) }
    }

    /// Appends valid UTF-8 as a JSON string, with quotes, backslashes and control characters escaped.
    package mutating func append(json text: Span<UInt8>) {
        append(UInt8(ascii: "\""))
        for index in text.indices {
            let byte = text[index]
            switch byte {
            case UInt8(ascii: "\""): append("\\\"")
            case UInt8(ascii: "\\"): append("\\\\")
            case 0x0A: append("\\n")
            case 0x0D: append("\\r")
            case 0x09: append("\\t")
            case 0..<0x20:
                append("\\u00")
                append(lowerHexDigit(byte >> 4))
                append(lowerHexDigit(byte & 15))
            default: append(byte)
            }
        }
        append(UInt8(ascii: "\""))
    }

    /// Appends `"name":`, after a comma unless it is at the start of an object.
    package mutating func appendMember(_ name: StaticString) {
        if let last = bytes.indices.last, bytes[last] != UInt8(ascii: "{") { append(UInt8(ascii: ",")) }
        append(UInt8(ascii: "\""))
        append(name)
        append("\":")
    }

    package mutating func appendMember(_ name: StaticString, _ value: Int) {
        appendMember(name)
        append(decimal: value)
    }

    package mutating func appendMember(_ name: StaticString, _ value: String) {
        appendMember(name)
        append(json: value)
    }

    package mutating func appendMember(_ name: StaticString, _ value: Bool) {
        appendMember(name)
        append(value ? "true" : "false")
    }

    package mutating func appendMember(_ name: StaticString, _ values: [String]) {
        appendMember(name, each: values) { $0.append(json: $1) }
    }

    /// Appends a member that is an array; `body` appends one element.
    package mutating func appendMember<T>(
        _ name: StaticString, each elements: some Sequence<T>, _ body: (inout ByteBuffer, T) -> Void
    ) {
        appendMember(name)
        append(UInt8(ascii: "["))
        var isFirst = true
        for element in elements {
            if !isFirst { append(UInt8(ascii: ",")) }
            isFirst = false
            body(&self, element)
        }
        append(UInt8(ascii: "]"))
    }

    /// Appends a member that is a time, as RFC 3339 text, or null if it is nil.
    package mutating func appendMember(_ name: StaticString, time: UnixMilliseconds?) {
        appendMember(name)
        guard let time else { return append("null") }
        append(UInt8(ascii: "\""))
        append(rfc3339: time)
        append(UInt8(ascii: "\""))
    }
}
