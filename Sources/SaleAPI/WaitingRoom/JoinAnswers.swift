import HTTPEdge
import Shared

/// Turns what Redis said to those who joined into answers, and counts them.
final class JoinAnswers {
    /// Seconds until a refused join is worth another try, and over which those who were refused spread.
    private static let retryBase = 1
    private static let retrySpread = 2

    private unowned let server: HTTPServer
    private let tickets: Tickets
    private var ticket = ByteBuffer(capacity: 512)
    private(set) var new = 0
    private(set) var again = 0
    private(set) var refusals = 0
    /// Refused because it could not have a position in time.
    private(set) var shed = 0
    private(set) var redisErrors = 0

    init(server: HTTPServer, tickets: Tickets) {
        self.server = server
        self.tickets = tickets
    }

    func countRedisError() { redisErrors += 1 }

    /// The buyer has this position.
    func given(
        _ sale: SaleID, _ position: Int, isNew: Bool, _ reply: JoinReply, buyer: Span<UInt8>, _ exchange: Exchange
    ) {
        if isNew { new += 1 } else { again += 1 }
        let turn = reply.turn(of: position)
        let jitter = RetryAfter.seconds(base: 0, spread: RetryAfter.turnSpread, buyer: buyer)
        let seconds = RetryAfter.seconds(until: turn?.at, now: reply.now, jitter: jitter)
        ticket.removeAll()
        tickets.append(
            sale, uuid: reply.uuid, epoch: reply.epoch, buyer: buyer, position: position, to: &ticket)
        server.respond(
            exchange, isNew ? .created : .ok,
            headers: {
                $0.appendHeader("Cache-Control", "private, no-store")
                $0.appendHeader("Retry-After", seconds)
            }
        ) {
            $0.append("{\"sale\":\"")
            $0.append(sale)
            $0.append("\",\"position\":")
            $0.append(decimal: position)
            let admitted = reply.room?.schedule.admitted(at: reply.now) ?? 0
            $0.appendMember("ahead", max(0, position - 1 - admitted))
            $0.appendMember("turn_at", time: turn?.at)
            $0.appendMember("expires_at", time: turn?.expires)
            $0.append(",\"ticket\":\"")
            $0.append(ticket)
            $0.append("\"")
            $0.appendMember("server_time", time: reply.now)
            $0.append("}")
        }
    }

    /// The sale says no.
    func refused(_ problem: Problem, _ exchange: Exchange) {
        refusals += 1
        server.respond(exchange, problem)
    }

    /// Nothing was done, because Redis can't be used now; answers the seconds after which the buyer was told to ask again.
    func unavailable(_ buyer: Span<UInt8>, _ exchange: Exchange) -> Int {
        refusals += 1
        return later(.unavailable, buyer, exchange)
    }

    /// Nothing was done, because too many are waiting already; answers those seconds.
    func overloaded(_ buyer: Span<UInt8>, _ exchange: Exchange) -> Int {
        shed += 1
        return later(.overloaded, buyer, exchange)
    }

    private func later(_ problem: Problem, _ buyer: Span<UInt8>, _ exchange: Exchange) -> Int {
        let seconds = RetryAfter.seconds(base: Self.retryBase, spread: Self.retrySpread, buyer: buyer)
        server.respond(exchange, problem, retryAfterSeconds: seconds)
        return seconds
    }

    /// It was sent, and whether it has a position is not known yet; answers those seconds.
    func pending(_ buyer: Span<UInt8>, _ exchange: Exchange) -> Int {
        refusals += 1
        let seconds = RetryAfter.seconds(base: Self.retryBase, spread: Self.retrySpread, buyer: buyer)
        server.respond(exchange, .accepted, headers: { $0.appendHeader("Retry-After", seconds) }) {
            $0.append("{\"status\":\"pending\"}")
        }
        return seconds
    }
}

extension ByteBuffer {
    /// Appends what is counted of waiting rooms, in Prometheus' text format.
    mutating func append(joins: JoinAnswers, waiting: Int) {
        var text = MetricsText()
        text.counters(
            "sale_joins_total", "Requests for a position in a waiting room.", label: "outcome",
            [("new", joins.new), ("again", joins.again), ("refused", joins.refusals), ("overloaded", joins.shed)])
        text.gauge("sale_joins_waiting", "Joins taken and not finished with.", waiting)
        text.counter("sale_joins_redis_errors_total", "Calls of join.lua that Redis did not answer.", joins.redisErrors)
        append(text.buffer)
    }
}
