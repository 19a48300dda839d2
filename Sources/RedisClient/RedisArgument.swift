package import Shared

/// One argument of a command. A literal is one, also with something interpolated: `["HGET", "\(key)", "uuid"]`. The
/// initialisers are for bytes, and for where there is no list of arguments to tell the compiler what it is.
package struct RedisArgument: ExpressibleByStringInterpolation, Sendable {
    package let bytes: [UInt8]

    package init(_ text: String) { bytes = Array(text.utf8) }
    package init(_ number: Int) { bytes = Array(String(number).utf8) }
    package init(_ bytes: [UInt8]) { self.bytes = bytes }
    package init(stringLiteral text: String) { self.init(text) }
}

/// A command as it travels (RESP arrays of bulk strings).
extension ByteBuffer {
    /// Appends the head of a command of `count` arguments; the arguments follow.
    package mutating func appendCommand(of count: Int) {
        append(UInt8(ascii: "*"))
        append(decimal: count)
        append("\r\n")
    }

    package mutating func append(argument bytes: Span<UInt8>) {
        append(UInt8(ascii: "$"))
        append(decimal: bytes.count)
        append("\r\n")
        append(bytes)
        append("\r\n")
    }

    package mutating func append(argument text: String) {
        text.withBytes { append(argument: $0) }
    }

    package mutating func append(argument: RedisArgument) {
        append(argument: argument.bytes.span)
    }

    package mutating func appendCommand(_ arguments: [RedisArgument]) {
        appendCommand(of: arguments.count)
        for argument in arguments { append(argument: argument) }
    }
}
