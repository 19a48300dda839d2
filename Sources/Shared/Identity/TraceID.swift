/// A W3C trace-id (Trace Context section 3.2.2.3): 16 bytes, not all zero, that identify one request from end to end.
package struct TraceID: Equatable, Sendable {
    /// Bytes of a trace-id's text.
    private static let textBytes = 32
    /// The text that stands for an order's trace-id if it is not known. No request has it.
    package static let unknown = String(repeating: "0", count: textBytes)

    /// Whether `text` is 32 hexadecimal digits in lower case; `unknown` is too.
    package static func isValid(_ text: Span<UInt8>) -> Bool { text.count == textBytes && text.isLowerHex }

    package static func isValid(_ text: String) -> Bool { text.withBytes { isValid($0) } }

    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// The trace-id of a `traceparent` header; nil if the header is not valid, and so must be ignored.
    package init?(traceparent: Span<UInt8>) {
        // version "-" trace-id "-" parent-id "-" flags. Version 00 has exactly 55 bytes, later ones at least 55.
        guard traceparent.count >= 55, traceparent[2] == UInt8(ascii: "-"), traceparent[35] == UInt8(ascii: "-"),
            traceparent[52] == UInt8(ascii: "-"), let version = Self.hex(traceparent, 0, 2), version != 0xFF,
            version != 0 || traceparent.count == 55,
            traceparent.count == 55 || traceparent[55] == UInt8(ascii: "-"),
            let high = Self.hex(traceparent, 3, 16), let low = Self.hex(traceparent, 19, 16), high | low != 0,
            let parent = Self.hex(traceparent, 36, 16), parent != 0, Self.hex(traceparent, 53, 2) != nil
        else { return nil }
        self.init(high: high, low: low)
    }

    private static func hex(_ text: Span<UInt8>, _ start: Int, _ count: Int) -> UInt64? {
        var value: UInt64 = 0
        for index in start..<start + count {
            // Upper case is invalid in a traceparent.
            guard let digit = hexValue(text[index]), text[index] < UInt8(ascii: "A") || text[index] > UInt8(ascii: "F")
            else { return nil }
            value = value << 4 | UInt64(digit)
        }
        return value
    }
}

/// Makes trace-ids from a random start and a mixed counter, so that an id costs nanoseconds, not a system call.
package struct TraceIDGenerator {
    private let high: UInt64
    private var counter: UInt64

    package init() {
        var random = SystemRandomNumberGenerator()
        high = random.next() | 1
        counter = random.next()
    }

    /// The next id. The ids of one generator repeat after 2^64.
    package mutating func next() -> TraceID {
        counter &+= 1
        // splitmix64's finaliser is a bijection: distinct counters give distinct ids without visible order.
        var mixed = counter &* 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return TraceID(high: high, low: mixed ^ mixed >> 31)
    }
}

extension ByteBuffer {
    /// Appends a trace-id: 32 hexadecimal digits.
    package mutating func append(_ trace: TraceID) {
        append(hex: trace.high)
        append(hex: trace.low)
    }
}
