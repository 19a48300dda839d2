import OrderStore

/// Which of the entries that were delivered before are tried by themselves, as a worker may have died of one of them.
///
/// A delivery counts whether or not the worker died after it, so an entry that this worker has failed to store, and lived, is
/// no suspect, however long the disk is full.
struct Suspicion {
    /// A part of what was read, to be stored in one transaction.
    enum Part: Equatable {
        /// Indices of entries that nothing is known against.
        case together(Range<Int>)
        case alone(Int, deliveries: Int)
    }

    /// - Parameters:
    ///   - ids: the entries, in the order of the stream; the parts keep it.
    ///   - deliveries: how often each was delivered.
    ///   - survived: entries that this worker has failed to store.
    static func parts(_ ids: [String], deliveries: [String: Int], survived: Set<String>) -> [Part] {
        var parts: [Part] = []
        var start = 0
        for (index, id) in ids.enumerated() {
            guard let count = deliveries[id], count >= RetryPolicy.deliveriesMax, !survived.contains(id) else {
                continue
            }
            if start < index { parts.append(.together(start..<index)) }
            parts.append(.alone(index, deliveries: count))
            start = index + 1
        }
        if start < ids.count { parts.append(.together(start..<ids.count)) }
        return parts
    }
}
