import Shared

/// What a buyer does after an answer. A pure value: `Stampede` carries it out.
enum Reaction: Equatable {
    /// It has a ticket, and presses when its turn comes.
    case joined
    /// Its ticket is good for nothing any more: it joins again at once.
    case rejoin
    /// The answer is not final: it presses again after this long.
    case comeBack(milliseconds: Int)
    // The others are final.
    case secured(position: Int)
    case soldOut
    /// Refused because too many pressed at once, and it does not come back.
    case shed
    /// Any other answer.
    case failed

    /// - Parameters:
    ///   - problem: the last segment of the answer's problem type; empty if it is no problem.
    ///   - isJoin: whether it answers a join.
    ///   - hasTickets: whether the run is through a waiting room.
    ///   - once: whether nobody comes back.
    init(to answer: Answer, problem: Span<UInt8>, isJoin: Bool, hasTickets: Bool, once: Bool) {
        if isJoin, answer.status == 200 || answer.status == 201 {
            self = .joined
        } else if hasTickets, problem.equals("turn-missed") || problem.equals("ticket-outdated") {
            self = .rejoin
        } else if !once, Self.isPostponed(answer) {
            self = .comeBack(milliseconds: max(1, answer.retryAfterSeconds) * 1000)
        } else {
            switch answer.status {
            case 200, 201: self = answer.position > 0 ? .secured(position: answer.position) : .failed
            case 409: self = problem.equals("sold-out") ? .soldOut : .failed
            case 503: self = .shed
            default: self = .failed
            }
        }
    }

    private static func isPostponed(_ answer: Answer) -> Bool {
        switch answer.status {
        case 202, 429, 503: true
        // Not open yet, paused, or not this buyer's turn: the answer says when to come back.
        case 409: answer.retryAfterSeconds > 0
        default: false
        }
    }
}
