import HTTPEdge
import Shared

/// Reads the parts of a purchase that are in its headers and body. Pure functions of the bytes.
enum PurchaseRequest {
    /// The key, if `Idempotency-Key` occurs once and is one bare token.
    @_lifetime(copy request)
    static func key(_ request: borrowing Request) -> Span<UInt8>? {
        guard let value = request.onlyValue(of: "idempotency-key"), IdempotencyKey.isValid(value) else { return nil }
        return value
    }

    /// What a body asks for.
    enum Quantity: Equatable {
        case units(Int)
        case malformed
        /// Its Content-Type is not JSON, or it is encoded (RFC 9110 section 8.4).
        case unsupportedMediaType
    }

    /// The units that the body asks for: 1 if it is empty or `{}`.
    static func quantity(_ request: borrowing Request) -> Quantity {
        let body = request.body
        if body.count == 0 { return .units(1) }
        guard request.saysJSON else { return .unsupportedMediaType }
        guard let units = try? units(body) else { return .malformed }
        return .units(units)
    }

    private static func units(_ body: Span<UInt8>) throws(JSONReader.Failure) -> Int {
        var reader = JSONReader(body)
        var quantity: Int?
        try reader.beginObject()
        while let name = try reader.member() {
            guard quantity == nil, body.extracting(name.range).equals("quantity") else { throw .malformed }
            quantity = try reader.naturalNumber()
        }
        try reader.end()
        let units = quantity ?? 1
        guard (1...Limits.quantityMax).contains(units) else { throw .malformed }
        return units
    }
}
