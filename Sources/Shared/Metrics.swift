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

    private mutating func samples(_ name: StaticString, _ label: StaticString, _ values: [(String, Int)]) {
        for (text, value) in values {
            buffer.append(name)
            buffer.append("{")
            buffer.append(label)
            buffer.append("=\"")
            buffer.append(text)
            buffer.append("\"} ")
            buffer.append(decimal: value)
            buffer.append("\n")
        }
    }

    /// A distribution of seconds.
    package mutating func histogram(_ name: StaticString, _ help: StaticString, _ histogram: LatencyHistogram) {
        family(name, help, "histogram")
        var below = 0
        for index in 0..<LatencyHistogram.boundsMicroseconds.count {
            below += histogram.counts[index]
            bucket(name, LatencyHistogram.boundsMicroseconds[index], below)
        }
        buffer.append(name)
        buffer.append("_bucket{le=\"+Inf\"} ")
        buffer.append(decimal: histogram.total)
        buffer.append("\n")
        buffer.append(name)
        buffer.append("_sum ")
        seconds(histogram.sumMicroseconds)
        buffer.append("\n")
        buffer.append(name)
        buffer.append("_count ")
        buffer.append(decimal: histogram.total)
        buffer.append("\n")
    }

    private mutating func bucket(_ name: StaticString, _ bound: Int, _ count: Int) {
        buffer.append(name)
        buffer.append("_bucket{le=\"")
        seconds(bound)
        buffer.append("\"} ")
        buffer.append(decimal: count)
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

/// Latencies counted into fixed buckets: recording is two additions and allocates nothing.
package struct LatencyHistogram {
    /// Upper bounds, from half a millisecond to the three seconds of the promise.
    package static let boundsMicroseconds = [
        500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 3_000_000,
    ]

    /// Observations by bucket; the last holds what is above every bound.
    package private(set) var counts = [Int](repeating: 0, count: boundsMicroseconds.count + 1)
    package private(set) var total = 0
    package private(set) var sumMicroseconds = 0

    package init() {}

    package mutating func record(microseconds: Int) {
        var bucket = 0
        while bucket < Self.boundsMicroseconds.count, microseconds > Self.boundsMicroseconds[bucket] { bucket += 1 }
        counts[bucket] += 1
        total += 1
        sumMicroseconds += microseconds
    }
}
