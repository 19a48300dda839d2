/// A purchase that won.
package struct Order: Equatable, Sendable {
    package var id: OrderID
    package var buyer: String
    package var quantity: Int
    /// The purchase's Idempotency-Key.
    package var key: String
    /// The W3C trace-id of the request that won: 32 hexadecimal digits in lower case, or `TraceID.unknown`.
    package var trace: String
    package var securedAt: UnixMilliseconds
    package var epoch: Int

    init(sale: SaleID, _ reader: FieldReader) throws(OrderEvent.Malformed) {
        let position = try reader.integer("position", in: 1...Int.max)
        id = OrderID(sale: sale, position: position)
        guard try reader.text("order") == id.description else {
            throw OrderEvent.Malformed(message: "field order does not name position \(position) of \(sale)")
        }
        buyer = try reader.text("buyer")
        guard BuyerName.isValid(buyer) else {
            throw OrderEvent.Malformed(message: "field buyer is not printable ASCII of up to 128 bytes")
        }
        quantity = try reader.integer("quantity", in: 1...Limits.quantityMax)
        key = try reader.text("key")
        guard IdempotencyKey.isValid(key) else {
            throw OrderEvent.Malformed(message: "field key is not an idempotency key")
        }
        trace = try reader.text("trace")
        guard TraceID.isValid(trace) else {
            throw OrderEvent.Malformed(message: "field trace is not 32 hexadecimal digits in lower case")
        }
        securedAt = UnixMilliseconds(try reader.integer("at_ms", in: 0...Int.max))
        epoch = try reader.integer("epoch", in: 1...Int.max)
    }

    package init(
        id: OrderID, buyer: String, quantity: Int, key: String, trace: String, securedAt: UnixMilliseconds, epoch: Int
    ) {
        self.id = id
        self.buyer = buyer
        self.quantity = quantity
        self.key = key
        self.trace = trace
        self.securedAt = securedAt
        self.epoch = epoch
    }

    /// Whether both are the same order. The trace does not count: Redis' buyers do not keep it, and an order that was
    /// put onto the stream again from there has lost its own.
    package func isSame(as other: Order) -> Bool {
        var same = other
        same.trace = trace
        return self == same
    }
}
