import HTTPEdge
import Shared

/// Sends the answers to purchases.
final class PurchaseAnswers {
    private let server: HTTPServer

    init(server: HTTPServer) { self.server = server }

    func send(_ answer: PurchaseAnswer, _ exchange: Exchange) {
        switch answer.content {
        case .order(let order, let quantity, let securedAt, let isReplay):
            server.respond(
                exchange, isReplay ? .ok : .created,
                headers: {
                    $0.appendLocation(order)
                    if isReplay { $0.append("Idempotent-Replayed: true\r\n") }
                }
            ) {
                $0.appendObject { $0.appendOrder(order, quantity: quantity, securedAt: securedAt) }
            }
        case .pending:
            server.respond(exchange, .accepted, headers: { $0.appendRetryAfter(answer.retryAfterSeconds) }) {
                $0.append("{\"status\":\"pending\"}")
            }
        case .problem(let problem, let member):
            server.respond(
                exchange, problem, headers: { $0.appendRetryAfter(answer.retryAfterSeconds) },
                members: { $0.append(member) })
        }
    }

    /// Refuses a buyer who asks too often; nothing was done. The fields are those of
    /// draft-ietf-httpapi-ratelimit-headers.
    func sendRateLimited(_ exchange: Exchange, retryAfterSeconds: Int, _ limit: RateLimit) {
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
}

extension ByteBuffer {
    fileprivate mutating func appendRetryAfter(_ seconds: Int?) {
        if let seconds { appendHeader("Retry-After", seconds) }
    }

    fileprivate mutating func append(_ member: PurchaseAnswer.Member?) {
        switch member {
        case .opensAt(let time): appendMember("opens_at", time: time)
        case .orders(let sale, let positions): appendOrders(sale, positions: positions)
        case .remaining(let units): appendMember("remaining", units)
        case .turnAt(let time): appendMember("turn_at", time: time)
        case nil: break
        }
    }
}
