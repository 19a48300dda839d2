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
        switch path.string {
        case "/livez": self = .live
        case "/readyz": self = .ready
        case "/metrics": self = .metrics
        case "/v1/sales": self = .sales
        case "/v1/operations": self = .operations
        default:
            guard let below = SalePath(path) else { return nil }
            switch path.extracting(below.tail).string {
            case "/orders": self = .orders(below.sale)
            case "/dead-letters": self = .deadLetters(below.sale)
            case "/sold-per-second": self = .soldPerSecond(below.sale)
            default: return nil
            }
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
