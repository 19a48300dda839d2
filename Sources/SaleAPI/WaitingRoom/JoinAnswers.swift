import HTTPEdge
import Shared

/// Sends the answers to joins.
final class JoinAnswers {
    /// Why a buyer has to join again later.
    enum Postponement {
        /// Nothing was done, because Redis can't be used now.
        case unavailable
        /// Nothing was done, because too many joins are waiting already.
        case overloaded
        /// The join was sent, and whether the buyer has a position is not known yet.
        case pending
    }

    private let server: HTTPServer
    private let tickets: Tickets
    private var ticket = ByteBuffer(capacity: 512)

    init(server: HTTPServer, tickets: Tickets) {
        self.server = server
        self.tickets = tickets
    }

    /// Sends the buyer its position and ticket, and returns after how many seconds it is told to come back.
    func sendPosition(
        _ sale: SaleID, _ position: Int, isNew: Bool, _ reply: JoinReply, buyer: Span<UInt8>, _ exchange: Exchange
    ) -> Int {
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
        return seconds
    }

    /// Refuses a join for good.
    func sendRefusal(_ problem: Problem, _ exchange: Exchange) { server.respond(exchange, problem) }

    /// Asks the buyer to join again later.
    func send(_ postponement: Postponement, retryAfterSeconds seconds: Int, _ exchange: Exchange) {
        switch postponement {
        case .unavailable: server.respond(exchange, .unavailable, retryAfterSeconds: seconds)
        case .overloaded: server.respond(exchange, .overloaded, retryAfterSeconds: seconds)
        case .pending:
            server.respond(exchange, .accepted, headers: { $0.appendHeader("Retry-After", seconds) }) {
                $0.append("{\"status\":\"pending\"}")
            }
        }
    }
}
