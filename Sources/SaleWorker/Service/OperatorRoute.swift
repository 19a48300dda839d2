import HTTPEdge
import Shared

/// What a path of the operators' listener refers to.
enum OperatorRoute: Equatable {
    case live
    case ready
    case metrics
    /// Every sale in numbers.
    case sales
    /// One buyer's orders, `?buyer=`.
    case orders(SaleID)
    /// How fast it sold.
    case soldPerSecond(SaleID)
    /// Its dead letters, without their fields.
    case deadLetters(SaleID)
    /// Runs an `Operation`.
    case operations

    init?(path: Span<UInt8>) {
        if path.equals("/livez") {
            self = .live
        } else if path.equals("/readyz") {
            self = .ready
        } else if path.equals("/metrics") {
            self = .metrics
        } else if path.equals("/v1/sales") {
            self = .sales
        } else if path.equals("/v1/operations") {
            self = .operations
        } else if let below = SalePath(path) {
            let sale = below.sale
            let tail = path.extracting(below.tail)
            if tail.equals("/orders") {
                self = .orders(sale)
            } else if tail.equals("/dead-letters") {
                self = .deadLetters(sale)
            } else if tail.equals("/sold-per-second") {
                self = .soldPerSecond(sale)
            } else {
                return nil
            }
        } else {
            return nil
        }
    }

    /// The methods it knows, for the Allow field.
    var allow: StaticString { self == .operations ? "POST" : "GET, HEAD" }

    func allows(_ method: Method) -> Bool {
        self == .operations ? method == .post : method == .get || method == .head
    }

    /// Health and metrics are for probes, which have no token.
    var needsToken: Bool {
        switch self {
        case .live, .ready, .metrics: false
        default: true
        }
    }
}
