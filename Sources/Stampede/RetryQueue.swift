import EventLoop

/// Buyers who come back later, soonest first: a binary heap, since a Redis that is away sends all of them back at once.
struct RetryQueue {
    private struct Entry {
        let due: Instant
        let buyer: Int
    }

    private var heap: [Entry] = []

    var nextDue: Instant? { heap.first?.due }

    mutating func insert(_ buyer: Int, due: Instant) {
        heap.append(Entry(due: due, buyer: buyer))
        var child = heap.count - 1
        while child > 0, heap[child].due < heap[(child - 1) / 2].due {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    /// A buyer whose time has come, removed.
    mutating func popDue(_ now: Instant) -> Int? {
        guard let first = heap.first, first.due <= now else { return nil }
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        var parent = 0
        while true {
            var smallest = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count {
                if heap[child].due < heap[smallest].due { smallest = child }
            }
            if smallest == parent { return first.buyer }
            heap.swapAt(parent, smallest)
            parent = smallest
        }
    }
}
