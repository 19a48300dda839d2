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

    /// Appends what each of our services tells of itself: its release, as the label of a gauge that is always 1; the
    /// lines that its log has lost; and what Prometheus' client libraries tell of a process, by their names.
    package mutating func process(linesDropped: Int) {
        gauges("sale_build_info", "The release that runs.", label: "version", [(Release.version, 1)])
        counter("sale_log_lines_dropped_total", "Log lines that could not be written.", linesDropped)
        let start: StaticString = "process_start_time_seconds"
        family(start, "When the process was started, in seconds since 1970.", "gauge")
        sample(start, microseconds: ProcessFigures.startMicroseconds)
        let cpu: StaticString = "process_cpu_seconds_total"
        family(cpu, "User and system time that the process has used.", "counter")
        sample(cpu, microseconds: ProcessFigures.cpuMicroseconds)
        gauge("process_resident_memory_bytes", "Memory that the process occupies.", ProcessFigures.residentBytes)
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
        distribution(name, help, histogram.buckets, LatencyHistogram.boundsMicroseconds) { $0.seconds($1) }
    }

    /// A distribution of counts.
    package mutating func histogram(_ name: StaticString, _ help: StaticString, _ histogram: SizeHistogram) {
        distribution(name, help, histogram.buckets, SizeHistogram.bounds) { $0.buffer.append(decimal: $1) }
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

    private mutating func sample(_ name: StaticString, microseconds: Int) {
        buffer.append(name)
        buffer.append(" ")
        seconds(microseconds)
        buffer.append("\n")
    }

    private mutating func sample(_ name: StaticString, _ value: Int) {
        buffer.append(name)
        buffer.append(" ")
        buffer.append(decimal: value)
        buffer.append("\n")
    }
}
