import EventLoop

/// Buyers who come back later, soonest first: a heap, since a Redis that is away sends all of them back at once.
struct RetryQueue {
    private struct Entry: Comparable {
        let due: Instant
        let buyer: Int

        static func < (left: Entry, right: Entry) -> Bool { left.due < right.due }
    }

    private var heap = MinHeap<Entry>()

    var nextDue: Instant? { heap.first?.due }

    mutating func insert(_ buyer: Int, due: Instant) { heap.insert(Entry(due: due, buyer: buyer)) }

    /// A buyer whose time has come, removed.
    mutating func popDue(_ now: Instant) -> Int? {
        guard let first = heap.first, first.due <= now else { return nil }
        return heap.removeFirst().buyer
    }
}
