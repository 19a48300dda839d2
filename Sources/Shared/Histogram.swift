/// Counts observations in fixed buckets. Recording is two additions and allocates nothing.
struct Buckets: Sendable {
    /// Per bucket; the last one counts what is above every bound.
    private(set) var counts: [Int]
    private(set) var total = 0
    private(set) var sum = 0

    init(_ bounds: Int) { counts = [Int](repeating: 0, count: bounds + 1) }

    mutating func record(_ value: Int, _ bounds: [Int]) {
        var bucket = 0
        while bucket < bounds.count, value > bounds[bucket] { bucket += 1 }
        counts[bucket] += 1
        total += 1
        sum += value
    }
}

/// A histogram of latencies.
package struct LatencyHistogram {
    /// Upper bounds, from half a millisecond to the three seconds within which every purchase must be answered.
    package static let boundsMicroseconds = [
        500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 3_000_000,
    ]

    private(set) var buckets = Buckets(boundsMicroseconds.count)

    package init() {}

    package mutating func record(microseconds: Int) { buckets.record(microseconds, Self.boundsMicroseconds) }
}

/// A histogram of batch sizes.
package struct SizeHistogram {
    /// Upper bounds, up to the largest batch.
    package static let bounds = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000]

    private(set) var buckets = Buckets(bounds.count)

    package init() {}

    package mutating func record(_ size: Int) { buckets.record(size, Self.bounds) }
}
