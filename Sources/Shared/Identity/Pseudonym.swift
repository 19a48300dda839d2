/// The public names of the buyers of one sale. A buyer always has the same one; without the sale's key, nobody can tell
/// who it is, or compute it from the buyer's name.
///
/// It is HMAC-SHA-256 over the buyer's bytes, keyed with the 32 bytes of `pseudonym_key`; the first 16 bytes of it in
/// hexadecimal. The chance that two of a million buyers get the same one is 10^-27. The key is set up once, not per
/// buyer.
package struct Pseudonym {
    /// Bytes of a pseudonym's text.
    package static let textBytes = 32
    private static let keyBytes = 32

    private let hmac: HMACSHA256

    /// nil unless `key` is 32 bytes in hexadecimal, as `salectl create` makes it and Redis and SQLite keep it.
    package init?(key: String) {
        guard let bytes = [UInt8](hex: key), bytes.count == Self.keyBytes else { return nil }
        hmac = HMACSHA256(key: bytes)
    }

    /// The pseudonym of `buyer`: 32 lower-case hexadecimal digits.
    package func of(_ buyer: Span<UInt8>) -> String {
        var mac = ByteBuffer(capacity: HMACSHA256.size)
        hmac.authenticate(buyer, into: &mac)
        return mac.bytes.extracting(first: Self.textBytes / 2).hex
    }

    package func of(_ buyer: String) -> String { buyer.withBytes { of($0) } }

    /// Whether `text` has the form of a pseudonym.
    package static func isValid(_ text: Span<UInt8>) -> Bool { text.count == textBytes && text.isLowerHex }
}
