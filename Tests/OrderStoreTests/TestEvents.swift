import OrderStore
import Shared

/// Stream entries as purchase.lua and create.lua write them.
enum TestEvents {
    static let sale = SaleID("demo")!

    static func create(
        _ id: String = "1-0", uuid: String = "uuid-1", stock: Int = 10, epoch: Int = 1
    ) -> StreamEntry {
        entry(
            id,
            [
                ("v", "1"), ("kind", "create"), ("sale", "demo"), ("uuid", uuid), ("title", "A test"),
                ("stock", "\(stock)"), ("max_per_buyer", "5"), ("opens_at", "0"), ("closes_at", "0"),
                ("pseudonym_key", String(repeating: "ab", count: 32)), ("at_ms", "1000"), ("epoch", "\(epoch)"),
            ])
    }

    static func order(
        _ position: Int, buyer: String? = nil, key: String = "k", quantity: Int = 1, id: String? = nil
    ) -> StreamEntry {
        entry(
            id ?? "\(position + 1)-0",
            [
                ("v", "1"), ("kind", "order"), ("order", "demo-\(position)"), ("position", "\(position)"),
                ("buyer", buyer ?? "buyer-\(position)"), ("quantity", "\(quantity)"), ("key", key),
                ("trace", String(repeating: "a", count: 32)), ("at_ms", "2000"), ("epoch", "1"),
            ])
    }

    static func release(_ id: String, units: Int, at: Int) -> StreamEntry {
        entry(id, [("v", "1"), ("kind", "release"), ("units", "\(units)"), ("at_ms", "\(at)"), ("epoch", "1")])
    }

    static func entry(_ id: String, _ fields: [(String, String)]) -> StreamEntry {
        StreamEntry(id: id, fields: StreamFields(fields.flatMap { [Array($0.0.utf8), Array($0.1.utf8)] }))
    }
}

extension Outcome {
    /// The reason of a rejection; nil for any other outcome.
    var reason: Rejection.Reason? { if case .rejected(let rejection) = self { rejection.reason } else { nil } }

    var isOversell: Bool { if case .rejected(let rejection) = self { rejection.isOversell } else { false } }
}
