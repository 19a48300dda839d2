/// How fair a run was to those who came, judged by their own logs and not by the server's word. O(n log n).
package struct Fairness: Equatable, Sendable {
    /// An attempt that got a lower position than one that was answered before it was sent. There must be none.
    package struct Inversion: Equatable, Sendable {
        /// The log that has its answer, from 0, and the line, from 1.
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

    /// A position that was another buyer's already. There must be none.
    package struct Duplicate: Equatable, Sendable {
        /// As those of an inversion.
        package var log: Int
        package var line: Int
        package var position: Int

        package init(log: Int, line: Int, position: Int) {
            self.log = log
            self.line = line
            self.position = position
        }
    }

    /// Those who were given positions one after the other: of tickets, or of units.
    package struct Queue: Equatable, Sendable {
        package fileprivate(set) var count = 0
        package fileprivate(set) var inversions: [Inversion] = []
        package fileprivate(set) var duplicates: [Duplicate] = []
        /// How many have a higher position than somebody who asked later: both were under way at once.
        package fileprivate(set) var overtaken = 0
        /// The largest head start: how much later than somebody with a higher position a buyer asked. Nanoseconds.
        package fileprivate(set) var largestLead = 0

        package var isFair: Bool { inversions.isEmpty && duplicates.isEmpty }
    }

    /// What happened between the last unit and the first "sold out".
    package struct Cut: Equatable, Sendable {
        package fileprivate(set) var lastPosition: Int
        /// From the attempt that won the last unit to the first answer "sold out"; negative if that answer came before
        /// the attempt. Nanoseconds.
        package fileprivate(set) var soldOutAfter: Int
        /// Buyers who were answered "sold out" although they had asked before the one who won the last unit.
        package fileprivate(set) var missedIt: Int
        /// How much earlier the first of them had asked. Nanoseconds.
        package fileprivate(set) var largestLead: Int
        /// Units won by attempts sent after the first "sold out": 0, unless there was a restock.
        package fileprivate(set) var wonAfter: Int
    }

    /// nil if nobody joined a waiting room.
    package let tickets: Queue?
    package let units: Queue
    /// nil if nothing was sold out.
    package let cut: Cut?
    /// The most purchases that were sent within any one second.
    package let busiestSecond: Int

    package init(_ attempts: [Attempt]) {
        let purchases = attempts.filter { !$0.isJoin }
        let joins = attempts.filter(\.isJoin)
        let winners = Self.confirmations(purchases)
        tickets = joins.isEmpty ? nil : Self.queue(Self.confirmations(joins))
        units = Self.queue(winners)
        cut = Self.cut(winners, purchases)
        busiestSecond = Self.busiestSecond(purchases)
    }

    /// What was confirmed, by position.
    private static func confirmations(_ attempts: [Attempt]) -> [ConfirmedPosition] {
        Confirmations(attempts).all.sorted { $0.position < $1.position }
    }

    /// - Parameter confirmations: by position.
    private static func queue(_ confirmations: [ConfirmedPosition]) -> Queue {
        var queue = Queue()
        queue.count = confirmations.count
        var latest = Int.min
        for confirmation in confirmations {
            if latest > confirmation.asked {
                queue.overtaken += 1
                queue.largestLead = max(queue.largestLead, latest - confirmation.asked)
            }
            latest = max(latest, confirmation.asked)
        }
        for (one, other) in zip(confirmations, confirmations.dropFirst())
        where one.position == other.position && one.purchase.buyer != other.purchase.buyer {
            queue.duplicates.append(Duplicate(log: other.log, line: other.line, position: other.position))
        }
        let known = KnownPositions(confirmations)
        for confirmation in confirmations {
            let highest = known.highest(before: confirmation.asked)
            if confirmation.position < highest {
                queue.inversions.append(
                    Inversion(
                        log: confirmation.log, line: confirmation.line, position: confirmation.position,
                        answered: highest))
            }
        }
        return queue
    }

    private static func cut(_ winners: [ConfirmedPosition], _ purchases: [Attempt]) -> Cut? {
        let refused = purchases.filter(\.isSoldOut)
        guard let last = winners.last, let first = refused.compactMap(\.responded).min() else { return nil }
        let earlier = refused.filter { $0.invoked < last.asked }
        return Cut(
            lastPosition: last.position, soldOutAfter: first - last.asked, missedIt: Set(earlier.map(\.purchase)).count,
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
