import Shared
import TestSupport
import Testing

@Suite struct `Metrics` {
    @Test func `are text that Prometheus reads`() {
        var histogram = LatencyHistogram()
        for microseconds in [0, 500, 501, 1000, 3_000_000, 3_000_001] { histogram.record(microseconds: microseconds) }
        var text = MetricsText()
        text.counter("a_total", "All of a.", 7)
        text.gauge("b", "How much b.", -2)
        text.counters("c_total", "By kind.", label: "kind", [("x", 1), ("y", 0)])
        text.histogram("d_seconds", "How long.", histogram)
        var sizes = SizeHistogram()
        for size in [1, 3, 1001] { sizes.record(size) }
        text.histogram("e", "How many.", sizes)
        #expect(
            text.buffer.string == """
                # HELP a_total All of a.
                # TYPE a_total counter
                a_total 7
                # HELP b How much b.
                # TYPE b gauge
                b -2
                # HELP c_total By kind.
                # TYPE c_total counter
                c_total{kind="x"} 1
                c_total{kind="y"} 0
                # HELP d_seconds How long.
                # TYPE d_seconds histogram
                d_seconds_bucket{le="0.000500"} 2
                d_seconds_bucket{le="0.001000"} 4
                d_seconds_bucket{le="0.002500"} 4
                d_seconds_bucket{le="0.005000"} 4
                d_seconds_bucket{le="0.010000"} 4
                d_seconds_bucket{le="0.025000"} 4
                d_seconds_bucket{le="0.050000"} 4
                d_seconds_bucket{le="0.100000"} 4
                d_seconds_bucket{le="0.250000"} 4
                d_seconds_bucket{le="0.500000"} 4
                d_seconds_bucket{le="1.000000"} 4
                d_seconds_bucket{le="3.000000"} 5
                d_seconds_bucket{le="+Inf"} 6
                d_seconds_sum 6.002002
                d_seconds_count 6
                # HELP e How many.
                # TYPE e histogram
                e_bucket{le="1"} 1
                e_bucket{le="2"} 1
                e_bucket{le="4"} 2
                e_bucket{le="8"} 2
                e_bucket{le="16"} 2
                e_bucket{le="32"} 2
                e_bucket{le="64"} 2
                e_bucket{le="128"} 2
                e_bucket{le="256"} 2
                e_bucket{le="512"} 2
                e_bucket{le="1000"} 2
                e_bucket{le="+Inf"} 3
                e_sum 1005
                e_count 3

                """)
    }
}
