package import OrderStore
import Shared

/// Compares three histories: the answers that buyers got, what SQLite stores, and what Redis has at rest. Each purchase
/// is of one unit, as the load client's are. Exact, in O(n log n).
package struct Checker {
    private let attempts: [Attempt]
    private let stored: StoredSale
    private let rest: RedisRest
    /// By key.
    private let orders: [String: Order]
    private let confirmations: Confirmations
    private let confirmationOf: [KeyAndPosition: Confirmations.Confirmation]

    package private(set) var violations: [Violation] = []

    package init(attempts: [Attempt], stored: StoredSale, rest: RedisRest) {
        self.attempts = attempts
        self.stored = stored
        self.rest = rest
        orders = Dictionary(stored.orders.map { ($0.key, $0) }) { first, _ in first }
        confirmations = Confirmations(attempts)
        confirmationOf = Dictionary(
            confirmations.all.map { (KeyAndPosition(key: $0.key, position: $0.position), $0) }
        ) { first, _ in first }
        checkStock()
        checkConfirmed()
        checkAsked()
        checkAnswers()
        checkOrderOfService()
        checkSoldOut()
        checkGaps()
        checkRest()
    }

    private mutating func violate(_ invariant: Invariant, line: Int? = nil, _ message: String) {
        violations.append(Violation(invariant: invariant, line: line, message: message))
    }

    /// Identifies a win, however often it was confirmed.
    private struct KeyAndPosition: Hashable {
        var key: String
        var position: Int?
    }

    private func confirmation(of order: Order) -> Confirmations.Confirmation? {
        confirmationOf[KeyAndPosition(key: order.key, position: order.id.position)]
    }

    /// When the attempt that an order was given to was sent, at the earliest; nil if no attempt can have won it.
    private func asked(for order: Order) -> Int? {
        confirmation(of: order)?.asked ?? confirmations.firstUnknown[order.key]
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
        let total = stored.record.stockTotal
        if storedUnits > total { violate(.neverOversold, "\(storedUnits) units are stored of \(total)") }
        // Each confirmed key is a promised unit, also if one position was confirmed to two keys.
        let confirmed = Set(attempts.filter(\.won).map { KeyAndPosition(key: $0.key, position: $0.position) })
        if confirmed.count > total {
            violate(.neverOversold, "\(confirmed.count) orders were confirmed of \(total) units")
        }
        // While a buyer has no final answer, a unit may rightly be left.
        let keys = Set(attempts.map(\.key))
        let settled = Set(attempts.filter { $0.won || $0.isSoldOut }.map(\.key))
        if keys.count >= total, settled == keys, accountedUnits < total - returnedUnits {
            violate(
                .neverUndersold, "\(total - accountedUnits) units are left, and \(keys.count) buyers wanted \(total)")
        }
    }

    private mutating func checkConfirmed() {
        var seen: Set<KeyAndPosition> = []
        for attempt in attempts
        where attempt.won && seen.insert(KeyAndPosition(key: attempt.key, position: attempt.position)).inserted {
            let confirmed = attempt.position ?? 0
            guard let order = orders[attempt.key] else {
                violate(
                    .confirmedIsStored, line: attempt.line, "position \(confirmed) of \(attempt.buyer) is not stored")
                continue
            }
            if order.id.position != attempt.position || order.buyer != attempt.buyer {
                violate(
                    .confirmedIsStored, line: attempt.line,
                    "position \(confirmed) was confirmed to \(attempt.buyer), and \(order.id.position) is stored for "
                        + order.buyer)
            }
        }
    }

    private mutating func checkAsked() {
        let mayHaveWon = Set(attempts.filter { $0.won || $0.isUnknown }.map(\.key))
        for order in stored.orders where !mayHaveWon.contains(order.key) {
            violate(
                .storedWasAsked,
                "position \(order.id.position) is stored, and \(order.buyer) was refused, or never asked")
        }
    }

    private mutating func checkAnswers() {
        var positionOfKey: [String: Int] = [:]
        var keyOfPosition: [Int: String] = [:]
        var knownAt: [String: Int] = [:]
        for attempt in attempts where attempt.won {
            guard let position = attempt.position, let responded = attempt.responded else { continue }
            if let other = positionOfKey.updateValue(position, forKey: attempt.key), other != position {
                violate(
                    .sameAnswerForEver, line: attempt.line,
                    "positions \(other) and \(position) were confirmed to \(attempt.buyer)")
            }
            if let other = keyOfPosition.updateValue(attempt.key, forKey: position), other != attempt.key {
                violate(
                    .sameAnswerForEver, line: attempt.line,
                    "position \(position) was confirmed to keys \(other) and \(attempt.key)")
            }
            knownAt[attempt.key] = min(knownAt[attempt.key] ?? .max, responded)
        }
        for attempt in attempts where (400..<500).contains(attempt.status) && attempt.status != 429 {
            if let known = knownAt[attempt.key], known < attempt.invoked {
                violate(
                    .sameAnswerForEver, line: attempt.line,
                    "\(attempt.buyer) had won, and was answered \(attempt.problem ?? "no")")
            }
        }
    }

    /// In the order of the attempts that won them, each position is greater than every position that was answered
    /// before its attempt was sent. Positions are a total order, so this is all that can be asked.
    private mutating func checkOrderOfService() {
        let answered = confirmations.all.sorted { $0.answered < $1.answered }
        let inTurn = stored.orders.compactMap { order in asked(for: order).map { (order: order, at: $0) } }
            .sorted { $0.at < $1.at }
        var next = 0
        var highest = 0
        for (order, at) in inTurn {
            while next < answered.count, answered[next].answered < at {
                highest = max(highest, answered[next].position)
                next += 1
            }
            if order.id.position <= highest {
                violate(
                    .firstComeFirstServed, line: confirmation(of: order)?.line,
                    "\(order.buyer) got position \(order.id.position), and \(highest) was answered before it asked")
            }
        }
    }

    private mutating func checkSoldOut() {
        guard let first = attempts.filter(\.isSoldOut).min(by: { ($0.responded ?? .max) < ($1.responded ?? .max) }),
            let answered = first.responded
        else { return }
        let total = stored.record.stockTotal - returnedUnits
        if accountedUnits < total {
            violate(.soldOutWhenTrue, line: first.line, "\(total - accountedUnits) units were never sold")
        }
        // The log does not show which of the later orders got the returned units.
        guard returnedUnits == 0 else { return }
        // Every winning attempt must have been sent before the first "sold out" was answered.
        for order in stored.orders {
            if let sent = asked(for: order), sent > answered {
                violate(
                    .soldOutWhenTrue, line: first.line,
                    "position \(order.id.position) was asked for only after the first \"sold out\"")
            }
        }
        // A buyer who is answered "sold out" has not won, and can't win any more, not even by an earlier attempt that
        // was still on its way.
        for attempt in attempts where attempt.isSoldOut {
            guard let order = orders[attempt.key],
                attempt.invoked <= confirmation(of: order)?.answered ?? .max
            else { continue }
            violate(
                .soldOutWhenTrue, line: attempt.line,
                "\(attempt.buyer) was answered \"sold out\", and got position \(order.id.position)")
        }
    }

    private mutating func checkGaps() {
        var positions = Set(stored.orders.map(\.id.position)).union(stored.rejectedOrders.map(\.position))
        for loss in stored.losses { positions.formUnion(loss.positions) }
        var next = 1
        for position in positions.sorted() {
            if position > next { violate(.noGaps, "positions \(next) to \(position - 1) are nowhere") }
            next = position + 1
        }
    }

    private mutating func checkRest() {
        let gone = stored.record.stockTotal - rest.remaining
        if gone != accountedUnits {
            violate(
                .conservation,
                "\(gone) units are gone from Redis; \(accountedUnits) are sold, withheld or dead letters")
        }
        if rest.pending > 0 { violate(.nothingPending, "\(rest.pending) stream entries are not acknowledged") }
        for difference in rest.differences { violate(.nothingPending, difference) }
    }
}
