import HTTPEdge
import RedisClient
import Shared

/// What one API process counts.
final class APIMetrics {
    private var secured = 0
    private var replayed = 0
    private var soldOut = 0
    private var refused = 0
    private var turnedAway = 0
    var unauthorized = 0
    /// Purchases refused because too many were waiting.
    var shed = 0
    /// Purchases that were told to ask again: sent, and not known to be safe.
    var pending = 0
    var batches = 0
    var redisErrors = 0
    /// From the complete request to its answer, for purchases that were decided.
    var decisionLatency = LatencyHistogram()
    /// From the sending of a batch to its answers, the replicas' acknowledgement included.
    var roundTrip = LatencyHistogram()
    var batchSize = SizeHistogram()
    /// Times that a sale was found completed anew since the batch before.
    var epochChanges = 0

    func count(_ decision: Decision) {
        switch decision {
        case .secured: secured += 1
        case .replayed: replayed += 1
        case .soldOut: soldOut += 1
        case .fenced, .unknownSale: turnedAway += 1
        default: refused += 1
        }
    }

    /// Everything in Prometheus' text format.
    func append(
        to output: inout ByteBuffer, edge: EdgeCounters, redis: AsyncRedis, batcher: Batcher, cache: EdgeCache,
        limiter: RateLimiter
    ) {
        var text = MetricsText()
        text.build()
        text.counters(
            "sale_decisions_total", "Purchases that were decided.", label: "outcome",
            [
                ("secured", secured), ("replayed", replayed), ("sold_out", soldOut), ("refused", refused),
                ("turned_away", turnedAway),
            ])
        text.histogram(
            "sale_decision_seconds", "From the complete request to its answer, by the clock of the loop's passes.",
            decisionLatency)
        text.histogram(
            "sale_redis_round_trip_seconds", "From the sending of a batch to its answers, replicas included.", roundTrip
        )
        text.histogram("sale_batch_purchases", "Purchases in one script call.", batchSize)
        text.counter("sale_batches_total", "Script calls; decisions per batch show how well they gather.", batches)
        text.gauge(
            "sale_purchases_waiting", "Purchases taken and not finished with.",
            batcher.pending)
        text.gauge("sale_queues", "Sales that purchases are queued for, and sales sold before.", batcher.laneCount)
        text.counter(
            "sale_edge_cache_hits_total", "Decisions told from memory, for sales that are sold out.", cache.hits)
        text.gauge("sale_edge_cache_sales", "Sales that are answered from memory.", cache.count)
        text.counter("sale_unauthorized_total", "Requests without a valid token.", unauthorized)
        text.counter("sale_shed_total", "Purchases refused because they could not be decided in time.", shed)
        text.counter("sale_rate_limited_total", "Purchases refused because the buyer asks too often.", limiter.refusals)
        text.counter("sale_redis_errors_total", "Script calls that Redis did not decide.", redisErrors)
        text.counter("sale_redis_losses_total", "Connections to Redis that were lost.", redis.losses)
        text.counter(
            "sale_pending_total", "Purchases answered 202: sent, and not known to be safe within the deadline.", pending
        )
        text.counter(
            "sale_epoch_changes_total",
            "Times that a sale was found completed anew, Redis having forgotten some of it.",
            epochChanges)
        text.gauge("sale_redis_ready", "1 while Redis can be sold from.", redis.isReady ? 1 : 0)
        text.counter("sale_http_connections_total", "Connections accepted.", edge.accepted)
        text.gauge("sale_http_connections", "Connections open.", edge.open)
        text.counter(
            "sale_http_connections_overflowed_total", "Connections closed at once, too many being open.",
            edge.overflowed)
        text.counter("sale_http_requests_total", "Requests understood.", edge.requests)
        text.counters(
            "sale_http_responses_total", "Answers, by the first digit of their status.", label: "class",
            [
                ("2xx", edge.responses.success), ("3xx", edge.responses.notModified),
                ("4xx", edge.responses.clientError), ("5xx", edge.responses.serverError),
            ])
        text.counter("sale_http_malformed_total", "Messages that were not valid HTTP.", edge.malformed)
        text.counter("sale_http_timeouts_total", "Connections closed in mid-message for being slow.", edge.timedOut)
        output.append(text.buffer)
    }
}
