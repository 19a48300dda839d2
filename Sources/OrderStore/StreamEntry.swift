package import Shared

/// One entry of a sale's orders stream, as it was read.
package struct StreamEntry: Sendable {
    /// Redis' id, `ms-seq`.
    package let id: String
    /// nil if the entry was deleted from the stream while it was pending.
    package let fields: StreamFields?

    package init(id: String, fields: StreamFields?) {
        self.id = id
        self.fields = fields
    }

    /// The trace-id of the purchase that it comes from; nil without one of 32 hexadecimal digits.
    package var trace: String? { fields?.trace }

    /// The event that the entry records.
    package func event(of sale: SaleID) throws(OrderEvent.Malformed) -> OrderEvent {
        guard let fields else { throw OrderEvent.Malformed(message: "the entry was deleted from the stream") }
        return try fields.event(of: sale)
    }
}
