import HTTPEdge
import Shared

/// Turns decisions into answers. Whoever gives one that tells the buyer to come back is told after how many seconds.
final class PurchaseAnswers {
    /// Seconds until a refused purchase is worth another try; the next decision is at most one reconnection away.
    private static let retrySeconds = 1
    private static let pausedRetrySeconds = 2
    /// Seconds over which those who are shed come back. What they were refused for is half a deadline of waiting, 1.25 s, and
    /// those who come back must not find the next ones there.
    private static let overloadedSpreadSeconds = 3

    private unowned let server: HTTPServer

    init(server: HTTPServer) { self.server = server }

    /// Redis decided; nil where asking again would change nothing.
    func decided(
        _ decision: Decision, _ sale: SaleID, quantity: Int, now: UnixMilliseconds, jitter: Int, seenSales: SeenSales,
        _ exchange: Exchange
    ) -> Int? {
        switch decision {
        case .secured(let position, let at):
            server.respond(exchange, .created, headers: { $0.appendLocation(sale, position) }) {
                $0.appendOrder(sale, position: position, quantity: quantity, securedAt: at)
                $0.append("}")
            }
        case .replayed(let position, let at):
            server.respond(
                exchange, .ok,
                headers: {
                    $0.appendLocation(sale, position)
                    $0.append("Idempotent-Replayed: true\r\n")
                }
            ) {
                $0.appendOrder(sale, position: position, quantity: quantity, securedAt: at)
                $0.append("}")
            }
        case .soldOut: server.respond(exchange, .soldOut)
        case .keyReused: server.respond(exchange, .idempotencyKeyReused)
        case .ended: server.respond(exchange, .saleEnded)
        case .notOpen(let opensAt):
            let seconds = max(1, (opensAt.value - now.value + 999) / 1000)
            server.respond(
                exchange, .saleNotOpen, retryAfterSeconds: seconds,
                members: { $0.appendMember("opens_at", time: opensAt) })
            return seconds
        case .limit(let orders):
            server.respond(exchange, .purchaseLimit, members: { $0.appendOrders(sale, positions: orders) })
        case .paused:
            server.respond(exchange, .salePaused, retryAfterSeconds: Self.pausedRetrySeconds)
            return Self.pausedRetrySeconds
        case .insufficient(let remaining):
            server.respond(exchange, .insufficientStock, members: { $0.appendMember("remaining", remaining) })
        case .unknownSale:
            if seenSales.contains(sale) { return unavailable(exchange) }
            server.respond(exchange, .notFound)
        case .fenced: return unavailable(exchange)
        case .turn(let refusal): return server.respond(exchange, refusal, now: now, jitter: jitter)
        }
        return nil
    }

    /// It was sent, and whether it has won is not known yet.
    func pending(_ exchange: Exchange) -> Int {
        server.respond(exchange, .accepted, headers: { $0.appendHeader("Retry-After", Self.retrySeconds) }) {
            $0.append("{\"status\":\"pending\"}")
        }
        return Self.retrySeconds
    }

    /// Nothing was done, because Redis can't be used now.
    func unavailable(_ exchange: Exchange) -> Int {
        server.respond(exchange, .unavailable, retryAfterSeconds: Self.retrySeconds)
        return Self.retrySeconds
    }

    /// Nothing was done, because this buyer asks too often. The fields are those of draft-ietf-httpapi-ratelimit-headers.
    func limited(_ exchange: Exchange, retryAfterSeconds: Int, _ limit: RateLimit) {
        server.respond(
            exchange, .rateLimited,
            headers: {
                $0.appendHeader("Retry-After", retryAfterSeconds)
                $0.append("RateLimit: \"buyer\";r=0;t=")
                $0.append(decimal: retryAfterSeconds)
                $0.append("\r\nRateLimit-Policy: \"buyer\";q=")
                $0.append(decimal: limit.burst)
                $0.append(";w=")
                $0.append(decimal: (limit.windowMilliseconds + 999) / 1000)
                $0.append("\r\n")
            })
    }

    /// Nothing was done, because too many are waiting already.
    func overloaded(_ buyer: Span<UInt8>, _ exchange: Exchange) -> Int {
        let seconds = RetryAfter.seconds(
            base: Self.retrySeconds, spread: Self.overloadedSpreadSeconds, buyer: buyer)
        server.respond(exchange, .overloaded, retryAfterSeconds: seconds)
        return seconds
    }
}

extension ByteBuffer {
    fileprivate mutating func appendLocation(_ sale: SaleID, _ position: Int) {
        append("Location: /v1/sales/")
        append(sale)
        append("/orders/")
        appendOrderID(sale, position: position)
        append("\r\n")
    }

    /// Appends an order's object, still open for more members.
    mutating func appendOrder(_ sale: SaleID, position: Int, quantity: Int, securedAt: UnixMilliseconds) {
        append("{\"status\":\"secured\",\"sale\":\"")
        append(sale)
        append("\",\"order\":\"")
        appendOrderID(sale, position: position)
        append("\",\"position\":")
        append(decimal: position)
        append(",\"quantity\":")
        append(decimal: quantity)
        append(",\"secured_at\":\"")
        append(rfc3339: securedAt)
        append("\"")
    }

    /// Appends the member `orders` for positions given as `3,17`.
    fileprivate mutating func appendOrders(_ sale: SaleID, positions: String) {
        appendMember("orders")
        append("[")
        var first = true
        for position in positions.split(separator: ",") {
            append(first ? "\"" : ",\"")
            first = false
            append(sale)
            append("-")
            append(String(position))
            append("\"")
        }
        append("]")
    }
}
