import Shared

/// A whole number that a query may have.
package enum QueryNumber: Equatable, Sendable {
    case absent
    case number(Int)
    /// The parameter is there and is not a whole number.
    case malformed
}

extension Request {
    /// The value of `name` in a query of `name=value` pairs joined by `&`, still encoded; nil if it doesn't occur. If
    /// it occurs again, the first counts.
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

    /// A text of the query with its percent-encoding decoded (RFC 3986: a plus is a plus); nil if it doesn't occur, or
    /// is not well-formed.
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

    /// A number of the query, in plain digits without percent-encoding.
    package func queryNumber(_ name: StaticString) -> QueryNumber {
        guard let value = query(name) else { return .absent }
        guard let number = value.decimal else { return .malformed }
        return .number(number)
    }
}
