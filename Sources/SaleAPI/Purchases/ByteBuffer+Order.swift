import Shared

/// An order as its buyer sees it.
extension ByteBuffer {
    /// Appends an order's members, which are an object's first.
    mutating func appendOrder(_ order: OrderID, quantity: Int, securedAt: UnixMilliseconds) {
        append("\"status\":\"secured\",\"sale\":\"")
        append(order.sale)
        append("\",\"order\":\"")
        appendOrderID(order.sale, position: order.position)
        append("\",\"position\":")
        append(decimal: order.position)
        append(",\"quantity\":")
        append(decimal: quantity)
        append(",\"secured_at\":\"")
        append(rfc3339: securedAt)
        append("\"")
    }

    /// Appends the Location field of an order.
    mutating func appendLocation(_ order: OrderID) {
        append("Location: /v1/sales/")
        append(order.sale)
        append("/orders/")
        appendOrderID(order.sale, position: order.position)
        append("\r\n")
    }

    /// Appends the member `orders`; `positions` is like `3,17`.
    mutating func appendOrders(_ sale: SaleID, positions: String) {
        appendMember("orders", each: positions.split(separator: ",")) { text, position in
            text.append("\"")
            text.append(sale)
            text.append("-")
            text.append(String(position))
            text.append("\"")
        }
    }
}
