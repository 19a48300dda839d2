import EventLoop

/// Buyers who come back later, soonest first. A heap, since all of them come back at once when Redis is away.
struct RetryQueue {
    private struct Entry: Comparable {
        let due: Instant
        let buyer: Int

        static func < (left: Entry, right: Entry) -> Bool { left.due < right.due }
    }

    private var heap = MinHeap<Entry>()

    /// When the first of them is due. Kept here, as every press reads it.
    private(set) var nextDue: Instant?

    mutating func insert(_ buyer: Int, due: Instant) {
        heap.insert(Entry(due: due, buyer: buyer))
        nextDue = heap.first?.due
    }

    /// Removes and returns the buyer who has been due longest, at that time at the latest, and since when.
    mutating func popDue(_ now: Instant) -> (buyer: Int, due: Instant)? {
        guard let nextDue, nextDue <= now else { return nil }
        let entry = heap.removeFirst()
        self.nextDue = heap.first?.due
        return (entry.buyer, entry.due)
    }
}
