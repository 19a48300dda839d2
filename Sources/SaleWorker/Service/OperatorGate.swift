import EventLoop
import Shared

/// Decides who may use the operators' listener.
struct OperatorGate {
    enum Verdict: Equatable {
        case admitted
        case refused
        /// There were too many wrong tokens: no more are checked for so many seconds.
        case limited(retryAfterSeconds: Int)
    }

    private let token: [UInt8]?
    private var window = AttemptWindow()

    init(token: [UInt8]?) { self.token = token }

    /// The right token is admitted whatever others have tried: it can't be guessed, and a script with an old token must
    /// not lock the operator out on the night of a sale. If no token is set, none is right.
    mutating func admit(_ offered: Span<UInt8>?, now: Instant) -> Verdict {
        if let token, let offered, Crypto.isEqual(offered, token.span) { return .admitted }
        return window.fail(now: now).map { .limited(retryAfterSeconds: $0) } ?? .refused
    }
}
