import EventLoop
import HTTPEdge
import RedisClient
import Shared

/// Shows waiting rooms: to anyone how far admission has come, and to the holder of a ticket its place.
///
/// What Redis said is at most 100 ms old (`SharedRead`), so everybody who waits learns within that time that the last
/// unit is gone. Redis is asked only when a client asks, and once for all clients. A turn is a function of the position
/// and of shared state, so tickets are answered without asking Redis, however many there are.
final class QueuePage {
    /// Requests that may wait, for Redis or for a signature. Each holds a few hundred bytes.
    private static let waitingMax = 8192
    private static let retrySeconds = 1

    private enum Question {
        /// The entity tags of If-None-Match, as they were sent.
        case page([UInt8]?)
        case ticket(Ticket, RateLimiter.Charge)
    }

    private enum Finding {
        case unknownSale
        case noWaitingRoom
        case room(QueueStatus)
    }

    private let loop: EventLoop
    private let redis: AsyncRedis
    private let seenSales: SeenSales
    private let server: HTTPServer
    private let limiter: RateLimiter
    private let pages: SalePages
    private let signing: ReceiptSigning
    /// Of sales that Redis has shown; names that are made up leave nothing behind.
    private var rooms: [SaleID: SharedRead<Finding>] = [:]
    private var waiting = 0

    init(
        _ context: APIContext, pages: SalePages, signing: ReceiptSigning, server: HTTPServer, limiter: RateLimiter
    ) {
        loop = context.loop
        redis = context.redis
        seenSales = context.seenSales
        self.signing = signing
        self.server = server
        self.limiter = limiter
        self.pages = pages
    }

    /// Answers with what anyone may know.
    func answer(_ sale: SaleID, _ request: borrowing Request, _ exchange: Exchange) {
        ask(sale, .page(request.conditions), exchange)
    }

    /// Answers with a ticket's place.
    func answer(_ sale: SaleID, _ ticket: Ticket, _ charge: RateLimiter.Charge, _ exchange: Exchange) {
        ask(sale, .ticket(ticket, charge), exchange)
    }

    /// Redis is gone: clients that wait for it are refused.
    func redisBecameUnavailable() {
        for room in rooms.values { room.redisBecameUnavailable() }
    }

    // MARK: Reading

    private func ask(_ sale: SaleID, _ question: Question, _ exchange: Exchange) {
        guard redis.isReady else { return refuse(question, .unavailable, exchange) }
        guard seenSales.contains(sale) else {
            // Anybody can make names up, and this look-up costs Redis the same for any number of them.
            return pages.lookUp(sale) { [weak self] isThere in
                switch isThere {
                case true?: self?.askRoom(sale, question, exchange)
                case false?: self?.server.respond(exchange, .notFound)
                case nil: self?.refuse(question, .unavailable, exchange)
                }
            }
        }
        askRoom(sale, question, exchange)
    }

    /// Asks for a sale that Redis has, or had.
    private func askRoom(_ sale: SaleID, _ question: Question, _ exchange: Exchange) {
        guard redis.isReady, let runID = redis.runID else { return refuse(question, .unavailable, exchange) }
        let room = rooms[sale] ?? SharedRead(loop: loop)
        if let fresh = room.fresh { return respond(sale, question, fresh, exchange) }
        guard waiting < Self.waitingMax else { return refuse(question, .overloaded, exchange) }
        rooms[sale] = room
        waiting += 1
        room.ask { [weak self] snapshot in
            guard let self else { return }
            waiting -= 1
            guard let snapshot else { return refuse(question, .unavailable, exchange) }
            respond(sale, question, snapshot, exchange)
        } read: { end in
            // "Sold out" must not be taken back, so the replicas have it.
            redis.read(.queue(of: sale, runID: runID), { Self.finding(sale, $0) }, end)
        }
    }

    private static func finding(_ sale: SaleID, _ value: RedisValue) -> Finding? {
        if value.isArray, value.count == 0 { return .unknownSale }
        do throws(RedisError) {
            guard let status = try QueueStatus(sale: sale, value) else { return .noWaitingRoom }
            return .room(status)
        } catch {
            return nil
        }
    }

    // MARK: Answering

    /// Asks the client to ask again later. A buyer who does so with its ticket is not charged for it.
    private func refuse(_ question: Question, _ problem: Problem, _ exchange: Exchange) {
        server.respond(exchange, problem, retryAfterSeconds: Self.retrySeconds)
        guard case .ticket(_, let charge) = question else { return }
        limiter.expectReturn(charge, afterSeconds: Self.retrySeconds, now: loop.now)
    }

    private func respond(
        _ sale: SaleID, _ question: Question, _ snapshot: SharedRead<Finding>.Snapshot, _ exchange: Exchange
    ) {
        switch snapshot.value {
        case .unknownSale where seenSales.contains(sale): refuse(question, .unavailable, exchange)
        case .unknownSale: server.respond(exchange, .notFound)
        case .noWaitingRoom: server.respond(exchange, .noWaitingRoom)
        case .room(let status):
            // Redis' time, carried on by our monotonic clock.
            let elapsed = loop.now.microseconds(since: snapshot.takenAt) / 1000
            let now = UnixMilliseconds(status.readAt.value + elapsed)
            switch question {
            case .page(let conditions): respond(status, now, conditions, exchange)
            case .ticket(let ticket, _): respond(status, now, ticket, question, exchange)
            }
        }
    }

    private func respond(
        _ status: QueueStatus, _ now: UnixMilliseconds, _ conditions: [UInt8]?, _ exchange: Exchange
    ) {
        var essence = ByteBuffer(capacity: 512)
        essence.append(status, at: now, serverTime: nil)
        server.respond(
            exchange, tag: EntityTags.tag(of: essence.bytes), maxAgeSeconds: 1, unless: conditions, vary: "Sale-Ticket"
        ) { $0.append(status, at: now, serverTime: now) }
    }

    private func respond(
        _ status: QueueStatus, _ now: UnixMilliseconds, _ ticket: Ticket, _ question: Question, _ exchange: Exchange
    ) {
        guard ticket.uuid == status.uuid, ticket.epoch == status.epoch else {
            return server.respond(exchange, .ticketOutdated)
        }
        guard signing.keys != nil else { return show(status, now, ticket, exchange) }
        guard waiting < Self.waitingMax else { return refuse(question, .overloaded, exchange) }
        waiting += 1
        signing.add { [weak self] in
            guard let self else { return }
            waiting -= 1
            show(status, now, ticket, exchange)
        }
    }

    private func show(_ status: QueueStatus, _ now: UnixMilliseconds, _ ticket: Ticket, _ exchange: Exchange) {
        server.respond(exchange, .ok, headers: { $0.appendHeader("Cache-Control", "private, no-store") }) { body in
            body.appendObject { body in
                body.append(status, ticket, at: now)
                body.appendMember("proof")
                guard let keys = signing.keys, let pseudonym = Pseudonym(key: status.pseudonymKey) else {
                    return body.append("null")
                }
                body.append("\"")
                keys.signer.append(
                    TicketProof(
                        sale: ticket.sale, uuid: ticket.uuid, epoch: ticket.epoch, position: ticket.position,
                        buyer: pseudonym.of(ticket.buyer)), to: &body)
                body.append("\"")
            }
        }
    }
}
