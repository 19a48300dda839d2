import HTTPEdge
import Shared

/// The resource that a path names.
enum Route: Equatable {
    case sales
    case sale(SaleID)
    case purchases(SaleID)
    case order(OrderID)
    case queue(SaleID)
    case receiptKeys
    case live
    case ready
    case metrics

    /// nil if there is nothing at that path.
    init?(path: Span<UInt8>) {
        if path.equals("/livez") {
            self = .live
        } else if path.equals("/readyz") {
            self = .ready
        } else if path.equals("/metrics") {
            self = .metrics
        } else if path.equals("/.well-known/jwks.json") {
            self = .receiptKeys
        } else if path.equals("/v1/sales") {
            self = .sales
        } else if let below = SalePath(path) {
            let sale = below.sale
            let tail = path.extracting(below.tail)
            if tail.count == 0 {
                self = .sale(sale)
            } else if tail.equals("/purchases") {
                self = .purchases(sale)
            } else if tail.equals("/queue") {
                self = .queue(sale)
            } else if tail.starts(with: "/orders/") {
                guard let order = OrderID(tail.extracting(8..<tail.count)), order.sale == sale else { return nil }
                self = .order(order)
            } else {
                return nil
            }
        } else {
            return nil
        }
    }

    /// The methods that it allows, as an Allow field (RFC 9110 section 10.2.1).
    var allow: StaticString {
        switch self {
        case .purchases, .queue: Self.allowAnywhere
        default: "GET, HEAD, OPTIONS"
        }
    }

    /// The methods that any path allows.
    static let allowAnywhere: StaticString = "GET, HEAD, OPTIONS, POST"

    func allows(_ method: Method) -> Bool {
        switch method {
        case .get, .head, .options: true
        case .post:
            switch self {
            case .purchases, .queue: true
            default: false
            }
        default: false
        }
    }
}
