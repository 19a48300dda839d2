import Shared

/// A whole number that a query may bring.
package enum QueryNumber: Equatable, Sendable {
    case absent
    case number(Int)
    /// It is not a whole number.
    case malformed
}

extension Request {
    /// The value of `name` in a query of `name=value` pairs joined by `&`, as it stands there; nil where it doesn't occur. Of
    /// two, the first.
    @_lifetime(copy self)
    package func query(_ name: StaticString) -> Span<UInt8>? {
        var start = 0
        while start <= query.count {
            let end = query.firstIndex(of: UInt8(ascii: "&"), from: start) ?? query.count
            let pair = query.extracting(start..<end)
            let equals = pair.firstIndex(of: UInt8(ascii: "=")) ?? pair.count
            if pair.extracting(0..<equals).equals(name) {
                return pair.extracting(min(equals + 1, pair.count)..<pair.count)
            }
            start = end + 1
        }
        return nil
    }

    /// A text of the query, its percent-encoding undone (RFC 3986: a plus is a plus); nil where it doesn't occur, or is not
    /// well-formed.
    package func queryText(_ name: StaticString) -> String? {
        guard let value = query(name) else { return nil }
        var bytes: [UInt8] = []
        var at = 0
        while at < value.count {
            if value[at] != UInt8(ascii: "%") {
                bytes.append(value[at])
                at += 1
                continue
            }
            guard at + 2 < value.count, let high = hexValue(value[at + 1]), let low = hexValue(value[at + 2]) else {
                return nil
            }
            bytes.append(high << 4 | low)
            at += 3
        }
        return String(validating: bytes, as: UTF8.self)
    }

    /// A number of the query, of which no digit is encoded.
    package func queryNumber(_ name: StaticString) -> QueryNumber {
        guard let value = query(name) else { return .absent }
        guard let number = value.decimal else { return .malformed }
        return .number(number)
    }
}
