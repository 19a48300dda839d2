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

    /// The text of an object; `members` appends its members.
    package static func json(_ members: (inout ByteBuffer) -> Void) -> String {
        var text = ByteBuffer(capacity: 1024)
        text.appendObject(members)
        return text.string
    }

    /// Appends an object; `members` appends its members.
    package mutating func appendObject(_ members: (inout ByteBuffer) -> Void) {
        append(UInt8(ascii: "{"))
        members(&self)
        append(UInt8(ascii: "}"))
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

    /// Appends a member that is a number, or null.
    package mutating func appendMember(_ name: StaticString, _ value: Int?) {
        appendMember(name)
        if let value { append(decimal: value) } else { append("null") }
    }

    package mutating func appendMember(_ name: StaticString, _ sale: SaleID) {
        appendMember(name)
        append(UInt8(ascii: "\""))
        append(sale)
        append(UInt8(ascii: "\""))
    }

    package mutating func appendMember(_ name: StaticString, _ value: String) {
        appendMember(name)
        append(json: value)
    }

    package mutating func appendMember(_ name: StaticString, _ value: String?) {
        appendMember(name)
        if let value { append(json: value) } else { append("null") }
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
        append(each: elements, body)
    }

    /// Appends an array; `body` appends one element.
    package mutating func append<T>(each elements: some Sequence<T>, _ body: (inout ByteBuffer, T) -> Void) {
        append(UInt8(ascii: "["))
        var isFirst = true
        for element in elements {
            if !isFirst { append(UInt8(ascii: ",")) }
            isFirst = false
            body(&self, element)
        }
        append(UInt8(ascii: "]"))
    }

    /// Appends a member that is an array of objects; `members` appends the members of one.
    package mutating func appendMember<T>(
        _ name: StaticString, objects elements: some Sequence<T>, _ members: (inout ByteBuffer, T) -> Void
    ) {
        appendMember(name, each: elements) { text, element in
            text.appendObject { members(&$0, element) }
        }
    }

    /// Appends a member that is an object, or null if there is no `value`; `members` appends the object's members.
    package mutating func appendMember<T>(
        _ name: StaticString, object value: T?, _ members: (inout ByteBuffer, T) -> Void
    ) {
        appendMember(name)
        guard let value else { return append("null") }
        appendObject { members(&$0, value) }
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
