/// The Prometheus text format, version 0.0.4.
package struct MetricsText: ~Copyable {
    package var buffer = ByteBuffer(capacity: 8192)

    package init() {}

    /// A value that only grows.
    package mutating func counter(_ name: StaticString, _ help: StaticString, _ value: Int) {
        family(name, help, "counter")
        sample(name, value)
    }

    /// A value that goes up and down.
    package mutating func gauge(_ name: StaticString, _ help: StaticString, _ value: Int) {
        family(name, help, "gauge")
        sample(name, value)
    }

    /// One counter for each value of a label.
    package mutating func counters(
        _ name: StaticString, _ help: StaticString, label: StaticString, _ values: [(String, Int)]
    ) {
        family(name, help, "counter")
        samples(name, label, values)
    }

    /// One gauge for each value of a label.
    package mutating func gauges(
        _ name: StaticString, _ help: StaticString, label: StaticString, _ values: [(String, Int)]
    ) {
        family(name, help, "gauge")
        samples(name, label, values)
    }

    /// One gauge in seconds for each value of a label.
    package mutating func gauges(
        _ name: StaticString, _ help: StaticString, label: StaticString, milliseconds values: [(String, Int)]
    ) {
        family(name, help, "gauge")
        samples(name, label, values) { $0.seconds($1 * 1000) }
    }

    /// Which release this is, as the label of a gauge that is always 1.
    package mutating func build() {
        gauges("sale_build_info", "The release that runs.", label: "version", [(Release.version, 1)])
    }

    private mutating func samples(
        _ name: StaticString, _ label: StaticString, _ values: [(String, Int)],
        number: (inout MetricsText, Int) -> Void = { $0.buffer.append(decimal: $1) }
    ) {
        for (text, value) in values {
            buffer.append(name)
            buffer.append("{")
            buffer.append(label)
            buffer.append("=\"")
            buffer.append(text)
            buffer.append("\"} ")
            number(&self, value)
            buffer.append("\n")
        }
    }

    /// A distribution of seconds.
    package mutating func histogram(_ name: StaticString, _ help: StaticString, _ histogram: LatencyHistogram) {
        distribution(name, help, histogram.inBuckets, LatencyHistogram.boundsMicroseconds) { $0.seconds($1) }
    }

    /// A distribution of counts.
    package mutating func histogram(_ name: StaticString, _ help: StaticString, _ histogram: SizeHistogram) {
        distribution(name, help, histogram.inBuckets, SizeHistogram.bounds) { $0.buffer.append(decimal: $1) }
    }

    private mutating func distribution(
        _ name: StaticString, _ help: StaticString, _ buckets: Buckets, _ bounds: [Int],
        number: (inout MetricsText, Int) -> Void
    ) {
        family(name, help, "histogram")
        var below = 0
        for index in bounds.indices {
            below += buckets.counts[index]
            buffer.append(name)
            buffer.append("_bucket{le=\"")
            number(&self, bounds[index])
            buffer.append("\"} ")
            buffer.append(decimal: below)
            buffer.append("\n")
        }
        buffer.append(name)
        buffer.append("_bucket{le=\"+Inf\"} ")
        buffer.append(decimal: buckets.total)
        buffer.append("\n")
        buffer.append(name)
        buffer.append("_sum ")
        number(&self, buckets.sum)
        buffer.append("\n")
        buffer.append(name)
        buffer.append("_count ")
        buffer.append(decimal: buckets.total)
        buffer.append("\n")
    }

    private mutating func seconds(_ microseconds: Int) {
        buffer.append(decimal: microseconds / 1_000_000)
        buffer.append(".")
        buffer.append(decimal: microseconds % 1_000_000, width: 6)
    }

    private mutating func family(_ name: StaticString, _ help: StaticString, _ type: StaticString) {
        buffer.append("# HELP ")
        buffer.append(name)
        buffer.append(" ")
        buffer.append(help)
        buffer.append("\n# TYPE ")
        buffer.append(name)
        buffer.append(" ")
        buffer.append(type)
        buffer.append("\n")
    }

    private mutating func sample(_ name: StaticString, _ value: Int) {
        buffer.append(name)
        buffer.append(" ")
        buffer.append(decimal: value)
        buffer.append("\n")
    }
}

/// Observations counted into fixed buckets: recording is two additions and allocates nothing.
struct Buckets: Sendable {
    /// By bucket; the last holds what is above every bound.
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

/// Latencies.
package struct LatencyHistogram {
    /// Upper bounds, from half a millisecond to the three seconds of the promise.
    package static let boundsMicroseconds = [
        500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 3_000_000,
    ]

    private(set) var inBuckets = Buckets(boundsMicroseconds.count)

    package init() {}

    package mutating func record(microseconds: Int) { inBuckets.record(microseconds, Self.boundsMicroseconds) }
}

/// How many there were at once.
package struct SizeHistogram {
    /// Upper bounds, up to the largest batch.
    package static let bounds = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000]

    private(set) var inBuckets = Buckets(bounds.count)

    package init() {}

    package mutating func record(_ size: Int) { inBuckets.record(size, Self.bounds) }
}
