/// The key that a client gives a purchase, so that a retry is recognised: `[A-Za-z0-9_-]{1,64}`.
package enum IdempotencyKey {
    package static func isValid(_ text: Span<UInt8>) -> Bool {
        guard text.count >= 1, text.count <= Limits.keyBytesMax else { return false }
        for index in text.indices {
            let byte = text[index]
            let allowed =
                asciiLowercased(byte) &- UInt8(ascii: "a") < 26 || byte &- UInt8(ascii: "0") < 10
                || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
            guard allowed else { return false }
        }
        return true
    }

    package static func isValid(_ text: String) -> Bool { text.withBytes { isValid($0) } }
}
