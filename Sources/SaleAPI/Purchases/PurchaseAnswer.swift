import HTTPEdge
import Shared

/// How a purchase is answered, and when its buyer is told to come back. A pure value: `PurchaseAnswers` sends it.
struct PurchaseAnswer {
    enum Content {
        /// An order; a replay is marked as one.
        case order(OrderID, quantity: Int, securedAt: UnixMilliseconds, isReplay: Bool)
        /// The purchase was sent, and whether it has won is not known yet.
        case pending
        /// A refusal, with the member that its type brings.
        case problem(Problem, Member?)
    }

    enum Member: Equatable {
        case opensAt(UnixMilliseconds)
        /// Positions in the sale, as text, `3,17`.
        case orders(SaleID, positions: String)
        case remaining(Int)
        case turnAt(UnixMilliseconds?)
    }

    let content: Content
    /// Seconds after which the buyer is told to come back; nil if coming back would change nothing.
    let retryAfterSeconds: Int?

    /// Seconds until a refused purchase is worth another try; the next decision is at most one reconnection away.
    private static let retrySeconds = 1
    private static let pausedRetrySeconds = 2
    /// Seconds over which shed buyers come back. They were refused because of half a deadline of waiting, 1.25 s, and
    /// must not all meet the next ones when they return.
    private static let overloadedSpreadSeconds = 3

    private init(_ content: Content, retryAfterSeconds: Int? = nil) {
        self.content = content
        self.retryAfterSeconds = retryAfterSeconds
    }

    private init(_ problem: Problem, _ member: Member? = nil, retryAfterSeconds: Int? = nil) {
        self.init(.problem(problem, member), retryAfterSeconds: retryAfterSeconds)
    }

    /// The purchase was sent, and whether it has won is not known yet.
    static var pending: PurchaseAnswer { PurchaseAnswer(.pending, retryAfterSeconds: retrySeconds) }

    /// Nothing was done, because Redis can't be used now.
    static var unavailable: PurchaseAnswer { PurchaseAnswer(.unavailable, retryAfterSeconds: retrySeconds) }

    /// Nothing was done, because too many purchases are waiting already.
    static func overloaded(_ buyer: Span<UInt8>) -> PurchaseAnswer {
        PurchaseAnswer(
            .overloaded,
            retryAfterSeconds: RetryAfter.seconds(base: retrySeconds, spread: overloadedSpreadSeconds, buyer: buyer))
    }

    /// The answer to a decision.
    ///
    /// - Parameters:
    ///   - now: Redis' time of the decision.
    ///   - jitter: seconds that this buyer waits longer than it must, if it waits for its turn.
    ///   - wasSeen: whether this process has seen the sale on Redis before.
    static func to(
        _ decision: Decision, _ sale: SaleID, quantity: Int, now: UnixMilliseconds, jitter: Int,
        wasSeen: @autoclosure () -> Bool
    ) -> PurchaseAnswer {
        switch decision {
        case .secured(let position, let at):
            let order = OrderID(sale: sale, position: position)
            return PurchaseAnswer(.order(order, quantity: quantity, securedAt: at, isReplay: false))
        case .replayed(let position, let at):
            let order = OrderID(sale: sale, position: position)
            return PurchaseAnswer(.order(order, quantity: quantity, securedAt: at, isReplay: true))
        case .soldOut: return PurchaseAnswer(.soldOut)
        case .keyReused: return PurchaseAnswer(.idempotencyKeyReused)
        case .ended: return PurchaseAnswer(.saleEnded)
        case .notOpen(let opensAt):
            let seconds = RetryAfter.seconds(until: opensAt, now: now, jitter: 0)
            return PurchaseAnswer(.saleNotOpen, .opensAt(opensAt), retryAfterSeconds: seconds)
        case .limit(let orders): return PurchaseAnswer(.purchaseLimit, .orders(sale, positions: orders))
        case .paused: return PurchaseAnswer(.salePaused, retryAfterSeconds: pausedRetrySeconds)
        case .insufficient(let remaining): return PurchaseAnswer(.insufficientStock, .remaining(remaining))
        case .unknownSale: return wasSeen() ? unavailable : PurchaseAnswer(.notFound)
        case .fenced: return unavailable
        case .turn(let refusal): return to(refusal, now: now, jitter: jitter)
        }
    }

    private static func to(_ refusal: TurnRefusal, now: UnixMilliseconds, jitter: Int) -> PurchaseAnswer {
        switch refusal {
        case .ticketRequired: return PurchaseAnswer(.ticketRequired)
        case .ticketInvalid(let fault): return PurchaseAnswer(.ticket(fault))
        case .ticketOutdated: return PurchaseAnswer(.ticketOutdated)
        case .notYet(let turn):
            let seconds = RetryAfter.seconds(until: turn, now: now, jitter: jitter)
            return PurchaseAnswer(.turnNotYet, .turnAt(turn), retryAfterSeconds: seconds)
        case .missed(let turn): return PurchaseAnswer(.turnMissed, .turnAt(turn))
        }
    }
}
