/// How fair a run was to those who came, as their logs tell it: nothing is taken on the server's word. O(n log n).
package struct Fairness: Equatable, Sendable {
    /// Who got a lower position although another's was known before it asked: there must be none.
    package struct Inversion: Equatable, Sendable {
        /// Where the answer is: in which of the logs, from 0, and in which of its lines, from 1.
        package var log: Int
        package var line: Int
        package var position: Int
        /// The higher position that had been answered.
        package var answered: Int

        package init(log: Int, line: Int, position: Int, answered: Int) {
            self.log = log
            self.line = line
            self.position = position
            self.answered = answered
        }
    }

    /// Those who were given positions in one order: of tickets, or of units.
    package struct Order: Equatable, Sendable {
        package fileprivate(set) var count = 0
        package fileprivate(set) var inversions: [Inversion] = []
        /// How many have a position behind that of somebody who asked later: both were under way at once.
        package fileprivate(set) var overtaken = 0
        /// By how much the one who gained most asked later than somebody it came before. Nanoseconds.
        package fileprivate(set) var largestLead = 0
    }

    /// What happened between the last unit and the first "sold out".
    package struct Cut: Equatable, Sendable {
        package fileprivate(set) var lastPosition: Int
        /// From the press that won the last unit to the first answer "sold out"; negative where it was told before that
        /// press. Nanoseconds.
        package fileprivate(set) var soldOutAfter: Int
        /// Buyers who were told "sold out", and had pressed before the one who won the last unit.
        package fileprivate(set) var missedIt: Int
        /// How much earlier the first of them had pressed. Nanoseconds.
        package fileprivate(set) var largestLead: Int
        /// Units won by a press that came after somebody had been told "sold out": 0, unless there was a restock.
        package fileprivate(set) var wonAfter: Int
    }

    /// nil where nobody joined a waiting room.
    package let tickets: Order?
    package let units: Order
    /// nil where nothing was sold out.
    package let cut: Cut?
    /// The most purchases that were sent within any one second.
    package let busiestSecond: Int

    package init(_ attempts: [Attempt]) {
        let purchases = attempts.filter { !$0.isJoin }
        let joins = attempts.filter(\.isJoin)
        let winners = Self.places(purchases)
        tickets = joins.isEmpty ? nil : Self.order(Self.places(joins))
        units = Self.order(winners)
        cut = Self.cut(winners, purchases)
        busiestSecond = Self.busiestSecond(purchases)
    }

    /// What was told, by position.
    private static func places(_ attempts: [Attempt]) -> [Places.Place] {
        Places(attempts).told.sorted { $0.position < $1.position }
    }

    /// - Parameter places: by position.
    private static func order(_ places: [Places.Place]) -> Order {
        var order = Order()
        order.count = places.count
        var latest = Int.min
        for place in places {
            if latest > place.asked {
                order.overtaken += 1
                order.largestLead = max(order.largestLead, latest - place.asked)
            }
            latest = max(latest, place.asked)
        }
        let told = places.sorted { $0.told < $1.told }
        var next = 0
        var highest = 0
        for place in places.sorted(by: { $0.asked < $1.asked }) {
            while next < told.count, told[next].told < place.asked {
                highest = max(highest, told[next].position)
                next += 1
            }
            if place.position < highest {
                order.inversions.append(
                    Inversion(log: place.log, line: place.line, position: place.position, answered: highest))
            }
        }
        return order
    }

    private static func cut(_ winners: [Places.Place], _ purchases: [Attempt]) -> Cut? {
        let refused = purchases.filter(\.isSoldOut)
        guard let last = winners.last, let first = refused.compactMap(\.responded).min() else { return nil }
        let earlier = refused.filter { $0.invoked < last.asked }
        return Cut(
            lastPosition: last.position, soldOutAfter: first - last.asked, missedIt: Set(earlier.map(\.key)).count,
            largestLead: earlier.map { last.asked - $0.invoked }.max() ?? 0,
            wonAfter: winners.reduce(0) { $0 + ($1.asked > first ? 1 : 0) })
    }

    private static func busiestSecond(_ purchases: [Attempt]) -> Int {
        let sent = purchases.map(\.invoked).sorted()
        var busiest = 0
        var start = 0
        for end in sent.indices {
            while sent[end] - sent[start] >= 1_000_000_000 { start += 1 }
            busiest = max(busiest, end - start + 1)
        }
        return busiest
    }
}
