import HTTPEdge
import RedisClient
import Shared

/// Answers what a buyer has won: all of it, or one order.
final class OwnOrders {
    /// Look-ups that may wait for Redis at once: each holds a few hundred bytes.
    private static let waitingMax = 8192

    private let redis: AsyncRedis
    private let known: KnownSales
    private unowned let server: HTTPServer
    private var waiting = 0

    init(redis: AsyncRedis, known: KnownSales, server: HTTPServer) {
        self.redis = redis
        self.known = known
        self.server = server
    }

    /// Answers with the buyer's orders in `sale`, or with the one at `position`.
    func answer(_ sale: SaleID, position: Int?, buyer: Span<UInt8>, _ exchange: Exchange) {
        guard redis.isReady, let runID = redis.runID else { return refuse(.unavailable, exchange) }
        guard waiting < Self.waitingMax else { return refuse(.overloaded, exchange) }
        waiting += 1
        let keys = SaleKeys(sale)
        let call = ScriptCall(.lookup)
        call.begin(keys: [keys.sale, keys.buyers], [runID, buyer.string])
        // What a buyer is shown must not be taken back either.
        var found: (code: String, persisted: Int, wins: [Win])?
        redis.run(
            call,
            { [weak self] answer in
                guard let self else { return }
                waiting -= 1
                guard case .reply(let value) = answer, value.count == 3, let code = value[0].string,
                    let persisted = value[1].integer, let wins = Win.parse(value[2].string ?? "")
                else { return refuse(.unavailable, exchange) }
                found = (code, persisted, wins)
            },
            confirmed: { [weak self] confirmation in
                guard let self, let found else { return }
                guard confirmation == .confirmed else { return refuse(.unavailable, exchange) }
                switch found.code {
                case "K":
                    known.insert(sale)
                    respond(sale, found.wins, persisted: found.persisted, position: position, exchange)
                case "U" where !known.contains(sale): server.respond(exchange, .notFound)
                default: refuse(.unavailable, exchange)
                }
            })
    }

    private func respond(_ sale: SaleID, _ wins: [Win], persisted: Int, position: Int?, _ exchange: Exchange) {
        if let position {
            guard let win = wins.first(where: { $0.position == position }) else {
                return server.respond(exchange, .notFound)
            }
            return server.respond(exchange, .ok, headers: privately) { $0.append(sale, win, persisted: persisted) }
        }
        server.respond(exchange, .ok, headers: privately) { body in
            body.append("{\"orders\":[")
            for (index, win) in wins.enumerated() {
                if index > 0 { body.append(",") }
                body.append(sale, win, persisted: persisted)
            }
            body.append("]}")
        }
    }

    private func privately(_ headers: inout ByteBuffer) { headers.append("Cache-Control: private, no-store\r\n") }

    private func refuse(_ problem: Problem, _ exchange: Exchange) {
        server.respond(exchange, problem, retryAfterSeconds: 1)
    }
}

extension ByteBuffer {
    fileprivate mutating func append(_ sale: SaleID, _ win: Win, persisted: Int) {
        appendOrder(sale, position: win.position, quantity: win.quantity, securedAt: win.securedAt)
        appendMember("persisted", win.position <= persisted)
        append("}")
    }
}
