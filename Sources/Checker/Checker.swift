package import OrderStore
import Shared

/// What must hold of any sale, whatever went wrong meanwhile.
package enum Invariant: String, CaseIterable, Sendable {
    /// No unit over stock.
    case neverOversold = "never_oversold"
    /// With enough demand every unit is sold.
    case neverUndersold = "never_undersold"
    /// Every confirmed order is in SQLite, at the position and for the buyer that was told.
    case confirmedIsStored = "confirmed_is_stored"
    /// Every stored order was asked for by somebody who may have won.
    case storedWasAsked = "stored_was_asked"
    /// A key that has won gives the same answer for ever, and no position belongs to two keys.
    case sameAnswerForEver = "same_answer_for_ever"
    /// A position is greater than every position that was answered before it was asked for.
    case firstComeFirstServed = "first_come_first_served"
    /// "Sold out" only when it is true.
    case soldOutWhenTrue = "sold_out_when_true"
    /// Positions without a gap, but for those recorded as lost.
    case noGaps = "no_gaps"
    /// Stock less what is left is what is sold, withheld, or with the dead letters.
    case conservation
    /// Redis and SQLite tell the same story, and nothing waits between them.
    case nothingPending = "nothing_pending"
}

/// One thing that does not hold.
package struct Violation: Equatable, Sendable, CustomStringConvertible {
    package let invariant: Invariant
    /// The line of the log that shows it, where one does.
    package let line: Int?
    package let message: String

    package var description: String {
        "\(invariant.rawValue): \(message)\(line.map { " (line \($0))" } ?? "")"
    }
}

/// Redis when everything has healed and drained.
package struct RedisRest: Equatable, Sendable {
    /// Units left.
    package var remaining: Int
    /// Stream entries that the worker has not acknowledged, or not seen.
    package var pending: Int
    /// What the comparison with SQLite found, each a sentence.
    package var differences: [String]

    package init(remaining: Int, pending: Int, differences: [String]) {
        self.remaining = remaining
        self.pending = pending
        self.differences = differences
    }
}

/// Holds three histories against each other: what buyers were told, what SQLite stores, and what Redis has at rest. Each
/// purchase is of one unit, as the load client's are. Exact, in O(n log n).
package struct Checker {
    private let attempts: [Attempt]
    private let stored: StoredSale
    private let rest: RedisRest
    /// By key.
    private let orders: [String: Order]
    /// What buyers were told that they have.
    private let places: Places
    private let placeOf: [Told: Places.Place]

    package private(set) var violations: [Violation] = []

    package init(attempts: [Attempt], stored: StoredSale, rest: RedisRest) {
        self.attempts = attempts
        self.stored = stored
        self.rest = rest
        orders = Dictionary(stored.orders.map { ($0.key, $0) }) { first, _ in first }
        places = Places(attempts)
        placeOf = Dictionary(places.told.map { (Told(key: $0.key, position: $0.position), $0) }) { first, _ in first }
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

    /// A win as one buyer was told of it, however often.
    private struct Told: Hashable {
        var key: String
        var position: Int?
    }

    private func place(of order: Order) -> Places.Place? { placeOf[Told(key: order.key, position: order.id.position)] }

    /// When the press was sent that an order was given to, at the earliest; nil where none can have been.
    private func asked(for order: Order) -> Int? { place(of: order)?.asked ?? places.open[order.key] }

    private var storedUnits: Int { stored.orders.reduce(0) { $0 + $1.quantity } }

    /// Units that came on sale again when somebody may have been told "sold out".
    private var returnedUnits: Int {
        stored.losses.reduce(stored.restocked) { $1.isReleased ? $0 + $1.units : $0 }
    }

    // MARK: Invariants

    private mutating func checkStock() {
        let total = stored.record.stockTotal
        if storedUnits > total { violate(.neverOversold, "\(storedUnits) units are stored of \(total)") }
        // Each answer to a key is a unit that was promised, also where two keys were told of one position.
        let told = Set(attempts.filter(\.won).map { Told(key: $0.key, position: $0.position) })
        if told.count > total { violate(.neverOversold, "\(told.count) orders were confirmed of \(total) units") }
        // Where somebody has no final answer, a unit may rightly be left.
        let keys = Set(attempts.map(\.key))
        let settled = Set(attempts.filter { $0.won || $0.isSoldOut }.map(\.key))
        let accounted = storedUnits + stored.withheld + stored.rejectedUnits
        if keys.count >= total, settled == keys, accounted < total - returnedUnits {
            violate(.neverUndersold, "\(total - accounted) units are left, and \(keys.count) buyers wanted \(total)")
        }
    }

    private mutating func checkConfirmed() {
        var seen: Set<Told> = []
        for attempt in attempts
        where attempt.won && seen.insert(Told(key: attempt.key, position: attempt.position)).inserted {
            guard let order = orders[attempt.key] else {
                violate(
                    .confirmedIsStored, line: attempt.line,
                    "position \(attempt.position ?? 0) of \(attempt.buyer) is not stored")
                continue
            }
            if order.id.position != attempt.position || order.buyer != attempt.buyer {
                violate(
                    .confirmedIsStored, line: attempt.line,
                    "\(attempt.buyer) was told position \(attempt.position ?? 0); stored is \(order.id.position) of \(order.buyer)"
                )
            }
        }
    }

    private mutating func checkAsked() {
        let mayHaveWon = Set(attempts.filter { $0.won || $0.isUnknown }.map(\.key))
        for order in stored.orders where !mayHaveWon.contains(order.key) {
            violate(
                .storedWasAsked,
                "position \(order.id.position) is stored, and \(order.buyer) was told no, or never asked")
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
                    "\(attempt.buyer) was told positions \(other) and \(position)")
            }
            if let other = keyOfPosition.updateValue(attempt.key, forKey: position), other != attempt.key {
                violate(
                    .sameAnswerForEver, line: attempt.line,
                    "position \(position) was told to keys \(other) and \(attempt.key)")
            }
            knownAt[attempt.key] = min(knownAt[attempt.key] ?? .max, responded)
        }
        for attempt in attempts where (400..<500).contains(attempt.status) && attempt.status != 429 {
            if let known = knownAt[attempt.key], known < attempt.invoked {
                violate(
                    .sameAnswerForEver, line: attempt.line,
                    "\(attempt.buyer) had won, and was told \(attempt.problem ?? "no")")
            }
        }
    }

    /// Sorted by the press that it was given to, each position is greater than every one whose answer was out before that press.
    /// Positions are a total order, so this is all that can be asked.
    private mutating func checkOrderOfService() {
        let answered = places.told.sorted { $0.told < $1.told }
        let pressed = stored.orders.compactMap { order in asked(for: order).map { (order: order, at: $0) } }
            .sorted { $0.at < $1.at }
        var next = 0
        var highest = 0
        for (order, at) in pressed {
            while next < answered.count, answered[next].told < at {
                highest = max(highest, answered[next].position)
                next += 1
            }
            if order.id.position <= highest {
                violate(
                    .firstComeFirstServed, line: place(of: order)?.line,
                    "\(order.buyer) got position \(order.id.position), and \(highest) had been answered before it pressed"
                )
            }
        }
    }

    private mutating func checkSoldOut() {
        guard let first = attempts.filter(\.isSoldOut).min(by: { ($0.responded ?? .max) < ($1.responded ?? .max) }),
            let told = first.responded
        else { return }
        let accounted = storedUnits + stored.withheld + stored.rejectedUnits
        let total = stored.record.stockTotal - returnedUnits
        if accounted < total {
            violate(.soldOutWhenTrue, line: first.line, "\(total - accounted) units were never sold")
        }
        // The log does not tell which of the later orders those are for.
        guard returnedUnits == 0 else { return }
        // Every unit's purchase must have begun before anybody was told that none was left.
        for order in stored.orders {
            if let pressed = asked(for: order), pressed > told {
                violate(
                    .soldOutWhenTrue, line: first.line,
                    "position \(order.id.position) was asked for only after the first \"sold out\"")
            }
        }
        // Who is told so has not won, and can't win any more: not even by an earlier press that was still on its way.
        for attempt in attempts where attempt.isSoldOut {
            guard let order = orders[attempt.key], attempt.invoked <= place(of: order)?.told ?? .max else { continue }
            violate(
                .soldOutWhenTrue, line: attempt.line,
                "\(attempt.buyer) was told \"sold out\", and got position \(order.id.position)")
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
        let accounted = storedUnits + stored.withheld + stored.rejectedUnits
        if gone != accounted {
            violate(.conservation, "\(gone) units are gone from Redis; \(accounted) are sold, withheld or dead letters")
        }
        if rest.pending > 0 { violate(.nothingPending, "\(rest.pending) stream entries are not acknowledged") }
        for difference in rest.differences { violate(.nothingPending, difference) }
    }
}
