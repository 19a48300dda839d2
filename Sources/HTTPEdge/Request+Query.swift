import Shared

/// A whole number that a query may bring.
package enum QueryNumber: Equatable, Sendable {
    case absent
    case number(Int)
    /// It is not a whole number.
    case malformed
}

extension Request {
    /// The value of `name` in a query of `name=value` pairs joined by `&`; nil where it doesn't occur. Nothing is decoded:
    /// what we look for is numbers and tokens. Of two, the first.
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

    /// A number of the query.
    package func queryNumber(_ name: StaticString) -> QueryNumber {
        guard let value = query(name) else { return .absent }
        guard let number = value.decimal else { return .malformed }
        return .number(number)
    }
}
