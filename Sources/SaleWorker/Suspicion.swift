import OrderStore

/// Decides which entries that were delivered before are tried by themselves, because a worker may have died of one of
/// them.
///
/// A delivery counts whether or not the worker died after it. An entry that this worker failed to store and survived is
/// therefore not suspected, however long the disk stays full.
struct Suspicion {
    /// A part of what was read, to be stored in one transaction.
    enum Part: Equatable {
        /// Indices of entries that are not suspected.
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
