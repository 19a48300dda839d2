import HTTPEdge
import RedisClient
import Shared

/// The counters of one API process.
final class APIMetrics {
    private var secured = 0
    private var replayed = 0
    private var soldOut = 0
    private var refused = 0
    private var fenced = 0
    private var unknownSale = 0
    var unauthorized = 0
    /// Purchases refused because they could not be decided in time.
    var shed = 0
    /// Purchases refused because there was no Redis to decide them.
    var unavailable = 0
    /// Purchases answered 202: sent, but not confirmed.
    var pending = 0
    var batches = 0
    var redisErrors = 0
    /// From the complete request to its answer, for decided purchases.
    var decisionLatency = LatencyHistogram()
    /// From sending a batch to its reply, including the replicas' confirmation.
    var roundTrip = LatencyHistogram()
    var batchSize = SizeHistogram()
    /// Times that a sale's epoch had changed since its previous batch.
    var epochChanges = 0

    func count(_ decision: Decision) {
        switch decision {
        case .secured: secured += 1
        case .replayed: replayed += 1
        case .soldOut: soldOut += 1
        case .fenced: fenced += 1
        case .unknownSale: unknownSale += 1
        default: refused += 1
        }
    }

    /// Appends all metrics in Prometheus' text format.
    func append(
        to output: inout ByteBuffer, edge: EdgeCounters, redis: AsyncRedis, batcher: PurchaseBatcher, cache: EdgeCache,
        limiter: RateLimiter, linesDropped: Int
    ) {
        var text = MetricsText()
        text.process(linesDropped: linesDropped)
        text.counters(
            "sale_decisions_total", "Purchases that were decided.", label: "outcome",
            [
                ("secured", secured), ("replayed", replayed), ("sold_out", soldOut), ("refused", refused),
                ("fenced", fenced), ("unknown_sale", unknownSale),
            ])
        text.histogram(
            "sale_decision_seconds", "From the complete request to its answer, by the clock of the loop's passes.",
            decisionLatency)
        text.histogram(
            "sale_redis_round_trip_seconds", "From sending a batch to its reply, replicas included.", roundTrip
        )
        text.histogram("sale_batch_purchases", "Purchases in one script call.", batchSize)
        text.counter("sale_batches_total", "Script calls; decisions per batch show how well they gather.", batches)
        text.gauge(
            "sale_purchases_waiting", "Purchases taken whose batch is not finished.", batcher.pending)
        text.gauge("sale_queues", "Sales that have a queue of purchases, or had one before.", batcher.laneCount)
        text.counter(
            "sale_edge_cache_hits_total", "Decisions from memory, for sold-out sales.", cache.hits)
        text.gauge("sale_edge_cache_sales", "Sales that are answered from memory.", cache.count)
        text.counter("sale_unauthorized_total", "Requests without a valid token.", unauthorized)
        text.counter("sale_shed_total", "Purchases refused because they could not be decided in time.", shed)
        text.counter("sale_unavailable_total", "Purchases refused because Redis did not decide them.", unavailable)
        text.counter("sale_rate_limited_total", "Purchases refused because the buyer asks too often.", limiter.refusals)
        text.counter("sale_redis_errors_total", "Script calls that Redis did not decide.", redisErrors)
        text.counter("sale_redis_losses_total", "Connections to Redis that were lost.", redis.losses)
        text.counter(
            "sale_pending_total", "Purchases answered 202: sent, but not confirmed within the deadline.", pending
        )
        text.counter(
            "sale_epoch_changes_total",
            "Times that a sale was rebuilt under a new epoch because Redis had forgotten some of it.",
            epochChanges)
        text.gauge("sale_redis_ready", "1 while Redis can be sold from.", redis.isReady ? 1 : 0)
        text.counter("sale_http_connections_total", "Connections accepted.", edge.accepted)
        text.gauge("sale_http_connections", "Connections open.", edge.open)
        text.counter(
            "sale_http_connections_overflowed_total", "Connections closed at once because too many were open.",
            edge.overflowed)
        text.counter("sale_http_requests_total", "Valid requests.", edge.requests)
        text.counters(
            "sale_http_responses_total", "Answers, by the first digit of their status.", label: "class",
            [
                ("2xx", edge.responses.success), ("3xx", edge.responses.notModified),
                ("4xx", edge.responses.clientError), ("5xx", edge.responses.serverError),
            ])
        text.counter("sale_http_malformed_total", "Messages that were not valid HTTP.", edge.malformed)
        text.counter(
            "sale_http_timeouts_total", "Connections closed in mid-message because they were slow.", edge.timedOut)
        output.append(text.buffer)
    }
}
