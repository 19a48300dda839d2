package import OrderStore
import Shared

/// Compares three histories: the answers that buyers got, what SQLite stores, and what Redis has at rest. Each purchase
/// is of one unit, as the load client's are. Exact, in O(n log n).
package struct Checker {
    /// To buy.
    private let attempts: [Attempt]
    /// Attempts to join the waiting room that were refused for good: these buyers wanted a unit, too. Of their
    /// purchases, which they may have made before, such an answer says nothing.
    private let turnedAway: [Attempt]
    private let stored: StoredSale
    private let rest: RedisRest
    /// Units that were put on sale.
    private let total: Int
    private let orders: [Purchase: Order]
    private let confirmations: Confirmations
    private let confirmationOf: [WinKey: ConfirmedPosition]
    private let chances: Chances

    package private(set) var violations: [Violation] = []

    /// - Parameters:
    ///   - attempts: to buy, and to join. The positions of tickets, and their order, are for `Fairness`.
    ///   - stock: the units that were put on sale; nil if SQLite's word counts.
    package init(attempts: [Attempt], stored: StoredSale, rest: RedisRest, stock: Int? = nil) {
        turnedAway = attempts.filter { $0.isJoin && $0.isRefused }
        let attempts = attempts.filter { !$0.isJoin }
        self.attempts = attempts
        self.stored = stored
        self.rest = rest
        total = stock ?? stored.totalOnRedis(unstored: 0)
        orders = Dictionary(stored.orders.map { ($0.purchase, $0) }) { first, _ in first }
        confirmations = Confirmations(attempts)
        confirmationOf = Dictionary(
            confirmations.all.map { (WinKey(purchase: $0.purchase, position: $0.position), $0) }
        ) { first, _ in first }
        chances = Chances(attempts)
        checkStock()
        checkHeld()
        checkConfirmed()
        checkAsked()
        checkLimit()
        checkAnswers()
        checkOrderOfService()
        checkSoldOut()
        checkRefused()
        checkGaps()
        checkRest()
    }

    private mutating func violate(_ invariant: Invariant, line: Int? = nil, _ message: String) {
        violations.append(Violation(invariant: invariant, line: line, message: message))
    }

    /// Identifies a win, however often it was confirmed.
    private struct WinKey: Hashable {
        var purchase: Purchase
        /// nil if the answer named none.
        var position: Int?
    }

    private func confirmation(of order: Order) -> ConfirmedPosition? {
        confirmationOf[WinKey(purchase: order.purchase, position: order.id.position)]
    }

    /// When the attempt that an order was given to was sent, at the earliest; nil if no attempt can have won it.
    private func asked(for order: Order) -> Int? {
        confirmation(of: order)?.asked ?? confirmations.firstUnknown[order.purchase]
    }

    private var storedUnits: Int { stored.orders.reduce(0) { $0 + $1.quantity } }

    /// Units that are sold, withheld or among the dead letters.
    private var accountedUnits: Int { storedUnits + stored.withheld + stored.rejectedUnits }

    /// Units that came on sale again when "sold out" may already have been answered.
    private var returnedUnits: Int {
        stored.losses.reduce(stored.restocked) { $1.isReleased ? $0 + $1.units : $0 }
    }

    // MARK: Invariants

    private mutating func checkStock() {
        // SQLite takes no order beyond its own stock: that one is a dead letter.
        if accountedUnits > total {
            violate(.neverOversold, "\(accountedUnits) units are sold, withheld or dead letters of \(total)")
        }
        // Each confirmed purchase is a promised unit, also if one position was confirmed to two of them.
        if confirmationOf.count > total {
            violate(.neverOversold, "\(confirmationOf.count) orders were confirmed of \(total) units")
        }
        let all = attempts + turnedAway
        let settled = Set(all.filter { $0.won || $0.isRefused }.map(\.purchase))
        // A purchase that was refused for a true reason can't get a unit that is left.
        let wanted = settled.subtracting(all.filter(isRightlyRefused).map(\.purchase)).count
        // While a buyer has no final answer, a unit may rightly be left.
        if wanted >= total, settled == Set(all.map(\.purchase)), accountedUnits < total - returnedUnits {
            violate(.neverUndersold, "\(total - accountedUnits) units are left, and \(wanted) buyers wanted \(total)")
        }
    }

    /// A unit that is neither on sale nor in a stored order was won by somebody.
    private mutating func checkHeld() {
        let held = accountedUnits - storedUnits
        let won = chances.count(besides: orders)
        if held > won {
            violate(
                .neverUndersold,
                "\(held) units are withheld or dead letters, and at most \(won) buyers can have won one of them")
        }
    }

    private mutating func checkConfirmed() {
        var seen: Set<WinKey> = []
        for attempt in attempts where attempt.won {
            guard seen.insert(WinKey(purchase: attempt.purchase, position: attempt.position)).inserted else { continue }
            guard let confirmed = attempt.position else {
                violate(.confirmedIsStored, line: attempt.line, "\(attempt.buyer) has won, and was told no position")
                continue
            }
            guard let order = orders[attempt.purchase] else {
                violate(
                    .confirmedIsStored, line: attempt.line, "position \(confirmed) of \(attempt.buyer) is not stored")
                continue
            }
            if order.id.position != confirmed {
                violate(
                    .confirmedIsStored, line: attempt.line,
                    "position \(confirmed) was confirmed to \(attempt.buyer), and \(order.id.position) is stored")
            }
        }
    }

    private mutating func checkAsked() {
        for order in stored.orders {
            let position = order.id.position
            if !chances.contains(order.purchase) {
                violate(
                    .storedWasAsked, "position \(position) is stored, and \(order.buyer) was refused, or never asked")
            }
            if let first = orders[order.purchase]?.id.position, first != position {
                violate(.storedWasAsked, "one purchase of \(order.buyer) is stored at \(first) and at \(position)")
            }
            if order.quantity != 1 {
                violate(.storedWasAsked, "position \(position) is stored with \(order.quantity) units instead of one")
            }
        }
    }

    private mutating func checkLimit() {
        // Both what is stored and what was confirmed is promised.
        var positions: [String: Set<Int>] = [:]
        for order in stored.orders { positions[order.buyer, default: []].insert(order.id.position) }
        for win in confirmations.all { positions[win.purchase.buyer, default: []].insert(win.position) }
        let most = stored.record.maxPerBuyer
        for (buyer, positions) in positions.sorted(by: { $0.key < $1.key }) where positions.count > most {
            violate(.limitPerBuyer, "\(buyer) has \(positions.count) units, of \(most) that it may have")
        }
    }

    private mutating func checkAnswers() {
        var positionOf: [Purchase: Int] = [:]
        var purchaseAt: [Int: Purchase] = [:]
        var knownAt: [Purchase: Int] = [:]
        for attempt in attempts where attempt.won {
            guard let responded = attempt.responded else { continue }
            knownAt[attempt.purchase] = min(knownAt[attempt.purchase] ?? .max, responded)
            guard let position = attempt.position else { continue }
            if let other = positionOf.updateValue(position, forKey: attempt.purchase), other != position {
                violate(
                    .sameAnswerForEver, line: attempt.line,
                    "positions \(other) and \(position) were confirmed to \(attempt.buyer)")
            }
            if let other = purchaseAt.updateValue(attempt.purchase, forKey: position), other != attempt.purchase {
                violate(
                    .sameAnswerForEver, line: attempt.line,
                    "position \(position) was confirmed to \(other.buyer) and to \(attempt.buyer)")
            }
        }
        // A win is repeated as 200: 201 would be another one.
        for attempt in attempts where attempt.status == 201 || attempt.isDenied {
            if let known = knownAt[attempt.purchase], known < attempt.invoked {
                violate(
                    .sameAnswerForEver, line: attempt.line,
                    "\(attempt.buyer) had won, and was answered \(attempt.refusal)")
            }
        }
    }

    private mutating func checkOrderOfService() {
        let known = KnownPositions(confirmations.all)
        for order in stored.orders {
            guard let asked = asked(for: order) else { continue }
            let highest = known.highest(before: asked)
            if order.id.position <= highest {
                violate(
                    .firstComeFirstServed, line: confirmation(of: order)?.line,
                    "\(order.buyer) got position \(order.id.position), and \(highest) was answered before it asked")
            }
        }
    }

    private mutating func checkSoldOut() {
        let refused = attempts.filter(\.isSoldOut)
        guard let (first, answered) = Self.first(of: refused + turnedAway.filter(\.isSoldOut)) else { return }
        if accountedUnits < total - returnedUnits {
            violate(
                .soldOutWhenTrue, line: first.line, "\(total - returnedUnits - accountedUnits) units were never sold")
        }
        var told: [Purchase: Attempt] = [:]
        for attempt in refused where attempt.invoked < told[attempt.purchase]?.invoked ?? .max {
            told[attempt.purchase] = attempt
        }
        var late: [(line: Int, message: String)] = []
        for order in stored.orders {
            let position = order.id.position
            if let sent = asked(for: order), sent > answered {
                // Every winning attempt must have been sent before the first "sold out" was answered.
                late.append((first.line, "position \(position) was asked for only after the first \"sold out\""))
            } else if let no = told[order.purchase], no.invoked <= confirmation(of: order)?.answered ?? .max {
                // A buyer who is answered "sold out" has not won, and can't win any more, not even by an earlier
                // attempt that was still on its way.
                late.append((no.line, "\(order.buyer) was answered \"sold out\", and got position \(position)"))
            }
        }
        // Except for as many as units came back. The log does not show which of these orders got them.
        for (line, message) in late.dropFirst(returnedUnits) { violate(.soldOutWhenTrue, line: line, message) }
    }

    /// The attempt that was answered first, and when.
    private static func first(of attempts: [Attempt]) -> (Attempt, answered: Int)? {
        attempts.compactMap { attempt in attempt.responded.map { (attempt, $0) } }.min { $0.answered < $1.answered }
    }

    /// Whether it was refused for good, for a reason that is true; of "sold out" the whole history decides that.
    private func isRightlyRefused(_ attempt: Attempt) -> Bool {
        // A key that has won is answered so, and after either reason it can't win any more, not even by an earlier
        // attempt that was still on its way: no sale is opened again, and no limit raised.
        guard attempt.isJoin || orders[attempt.purchase] == nil else { return false }
        return switch attempt.problem {
        case "sale-ended": stored.record.settings.closesAt.map { $0 <= rest.now } ?? false
        case "no-waiting-room": attempt.isJoin && stored.record.settings.waitingRoom == nil
        case "purchase-limit":
            chances.others(before: attempt).count(where: mayHaveWon) >= stored.record.maxPerBuyer
        default: false
        }
    }

    /// A win is stored, unless it is one of those that were lost or could not be stored.
    private func mayHaveWon(_ purchase: Purchase) -> Bool {
        orders[purchase] != nil || !stored.losses.isEmpty || !stored.rejectedOrders.isEmpty
    }

    private mutating func checkRefused() {
        let all = attempts + turnedAway
        for attempt in all where attempt.isRefused && !attempt.isSoldOut && !isRightlyRefused(attempt) {
            violate(.refusedWhenTrue, line: attempt.line, "\(attempt.buyer) was answered \(attempt.refusal)")
        }
        guard let (ended, answered) = Self.first(of: all.filter { $0.problem == "sale-ended" }) else { return }
        for order in stored.orders where asked(for: order) ?? .min > answered {
            violate(
                .refusedWhenTrue, line: ended.line,
                "position \(order.id.position) was asked for only after the first \"sale-ended\"")
        }
    }

    private mutating func checkGaps() {
        let positions = stored.orders.map(\.id.position) + stored.rejectedOrders.map(\.position)
        let accounted = positions.map { $0...$0 } + stored.losses.map(\.positions)
        var next = 1
        for range in accounted.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if range.lowerBound > next { violate(.noGaps, "positions \(next) to \(range.lowerBound - 1) are nowhere") }
            next = max(next, range.upperBound + 1)
        }
    }

    private mutating func checkRest() {
        let gone = total - rest.remaining
        if gone != accountedUnits {
            violate(
                .conservation,
                "\(gone) units are gone from Redis; \(accountedUnits) are sold, withheld or dead letters")
        }
        if rest.pending > 0 { violate(.nothingPending, "\(rest.pending) stream entries are not acknowledged") }
        for difference in rest.differences { violate(.nothingPending, difference) }
    }
}
