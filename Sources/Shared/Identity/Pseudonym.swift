/// Names the buyers of one sale in public: the same buyer always alike, and nobody can tell who it is, or compute the name
/// from the buyer's, without the sale's key.
///
/// HMAC-SHA-256 over the buyer's bytes, keyed with the 32 bytes of `pseudonym_key`; its first 16 bytes in hexadecimal: that
/// two of a million buyers get the same one has a chance of 10^-27. The key is set up once, not for each buyer.
package struct Pseudonym {
    /// Bytes of a pseudonym's text.
    package static let textBytes = 32
    private static let keyBytes = 32

    private let hmac: HMACSHA256

    /// nil where `key` is not 32 bytes in hexadecimal: what create makes, and Redis and SQLite keep.
    package init?(key: String) {
        guard let bytes = [UInt8](hex: key), bytes.count == Self.keyBytes else { return nil }
        hmac = HMACSHA256(key: bytes)
    }

    /// The name of `buyer`: 32 lower-case hexadecimal digits.
    package func of(_ buyer: Span<UInt8>) -> String {
        var mac = ByteBuffer(capacity: HMACSHA256.size)
        hmac.authenticate(buyer, into: &mac)
        var text = ByteBuffer(capacity: Self.textBytes)
        text.append(hex: mac.bytes.extracting(first: Self.textBytes / 2))
        return text.string
    }

    package func of(_ buyer: String) -> String { buyer.withBytes { of($0) } }

    /// Whether `text` has the form of a pseudonym.
    static func isValid(_ text: Span<UInt8>) -> Bool { text.count == textBytes && text.isLowerHex }
}
