import EventLoop
import Shared

/// Who may ask the operators' listener.
struct OperatorGate {
    enum Verdict: Equatable {
        case admitted
        case refused
        /// Too many wrong tokens of late: seconds until another one is looked at.
        case limited(retryAfterSeconds: Int)
    }

    private let token: [UInt8]?
    private var window = AttemptWindow()

    init(token: [UInt8]?) { self.token = token }

    /// The right token is let in whatever others have tried: it can't be guessed, and a script with an old token must not
    /// lock the operator out on the night of a sale. Where no token is set, none is right.
    mutating func admit(_ offered: Span<UInt8>?, now: Instant) -> Verdict {
        if let token, let offered, Crypto.isEqual(offered, token.span) { return .admitted }
        return window.fail(now: now).map { .limited(retryAfterSeconds: $0) } ?? .refused
    }
}
