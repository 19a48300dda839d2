import EventLoop

/// Buyers who come back later, soonest first: a heap, since a Redis that is away sends all of them back at once.
struct RetryQueue {
    private struct Entry: Comparable {
        let due: Instant
        let buyer: Int

        static func < (left: Entry, right: Entry) -> Bool { left.due < right.due }
    }

    private var heap = MinHeap<Entry>()

    /// When the first of them is due: kept here, as it is asked for at every press.
    private(set) var nextDue: Instant?

    mutating func insert(_ buyer: Int, due: Instant) {
        heap.insert(Entry(due: due, buyer: buyer))
        nextDue = heap.first?.due
    }

    /// A buyer whose time has come, removed.
    mutating func popDue(_ now: Instant) -> Int? {
        guard let nextDue, nextDue <= now else { return nil }
        let buyer = heap.removeFirst().buyer
        self.nextDue = heap.first?.due
        return buyer
    }
}
