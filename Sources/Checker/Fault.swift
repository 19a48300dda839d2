/// A fault that a run must have met to prove anything: a run that never met its fault is invalid, not green.
package enum Fault: String, CaseIterable, Sendable {
    /// A connection was lost, or fell silent, in the middle of a purchase.
    case lost
    /// A purchase was answered 202.
    case pending
    /// A purchase was answered 503.
    case unavailable
    /// A win was answered again.
    case replayed
    /// An answer took a tenth of a second, or longer.
    case slow

    private static let slowNanoseconds = 100_000_000

    /// Whether the history shows it.
    package func isMet(in attempts: [Attempt]) -> Bool {
        attempts.contains { attempt in
            switch self {
            case .lost: attempt.responded == nil
            case .pending: attempt.status == 202
            case .unavailable: attempt.status == 503
            case .replayed: attempt.status == 200
            case .slow: attempt.responded.map { $0 - attempt.invoked >= Self.slowNanoseconds } ?? false
            }
        }
    }
}
