import Shared

/// How exported orders are written, one a line.
enum OrderFormat: String, CaseIterable {
    /// RFC 4180: a header, CRLF, quotes around values that need them.
    case csv
    /// One JSON object a line.
    case jsonl

    private static let columns = ["order", "sale", "position", "buyer", "quantity", "secured_at", "epoch", "trace"]

    func appendHeader(to text: inout ByteBuffer) {
        guard self == .csv else { return }
        text.append(Self.columns.joined(separator: ","))
        text.append("\r\n")
    }

    func append(_ order: Order, to text: inout ByteBuffer) {
        switch self {
        case .csv:
            let values = [
                "\(order.id)", "\(order.id.sale)", "\(order.id.position)", order.buyer, "\(order.quantity)",
                order.securedAt.rfc3339, "\(order.epoch)", order.trace,
            ]
            text.append(values.map(Self.quoted).joined(separator: ","))
            text.append("\r\n")
        case .jsonl:
            text.append("{")
            text.appendMember("order", "\(order.id)")
            text.appendMember("sale", order.id.sale)
            text.appendMember("position", order.id.position)
            text.appendMember("buyer", order.buyer)
            text.appendMember("quantity", order.quantity)
            text.appendMember("secured_at", time: order.securedAt)
            text.appendMember("epoch", order.epoch)
            text.appendMember("trace", order.trace)
            text.append("}\n")
        }
    }

    /// Whether a spreadsheet would take the value for a formula. It is written as it is: whoever imports it compares
    /// it.
    static func looksLikeFormula(_ value: String) -> Bool { value.utf8.first.map { "=+-@".utf8.contains($0) } ?? false }

    /// The value, in quotes if it contains a comma, a quote or a line break (RFC 4180 section 2).
    static func quoted(_ value: String) -> String {
        guard value.utf8.contains(where: { [0x2C, 0x22, 0x0D, 0x0A].contains($0) }) else { return value }
        return "\"" + value.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }
}
