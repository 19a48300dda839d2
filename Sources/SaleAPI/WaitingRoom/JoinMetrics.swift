import Shared

/// Counts what became of joins.
final class JoinMetrics {
    var new = 0
    var again = 0
    var refused = 0
    /// Joins answered with 202: they may have been done.
    var pending = 0
    /// Joins refused because they could not have a position in time.
    var shed = 0
    var redisErrors = 0

    /// Appends all of it in Prometheus' text format.
    func append(to output: inout ByteBuffer, waiting: Int) {
        var text = MetricsText()
        text.counters(
            "sale_joins_total", "Requests for a position in a waiting room.", label: "outcome",
            [("new", new), ("again", again), ("refused", refused), ("pending", pending), ("overloaded", shed)])
        text.gauge("sale_joins_waiting", "Joins taken whose batch is not finished.", waiting)
        text.counter("sale_joins_redis_errors_total", "Calls of join.lua that Redis did not answer.", redisErrors)
        output.append(text.buffer)
    }
}
