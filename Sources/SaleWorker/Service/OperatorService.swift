import EventLoop
import HTTPEdge
import Operations
import OrderStore
import Shared

/// The private listener: health and metrics for probes, sales, orders and operations for operators with a token.
final class OperatorService: HTTPHandler {
    private static let secondsMax = 600
    /// At 500 bytes each, half a megabyte. `salectl dlq ls` lists all.
    private static let lettersMax = 1000

    private let store: StoreReader
    private let metrics: WorkerMetrics
    private let perform: (Operation) throws -> String
    private let loop: EventLoop
    private let log: Log
    private var gate: OperatorGate
    private let server: HTTPServer

    /// - Parameter perform: runs an operation and returns its result as JSON.
    init(
        store: StoreReader, metrics: WorkerMetrics, token: [UInt8]?, loop: EventLoop, log: Log,
        perform: @escaping (Operation) throws -> String
    ) {
        self.perform = perform
        self.store = store
        self.metrics = metrics
        self.loop = loop
        self.log = log
        gate = OperatorGate(token: token)
        var limits = EdgeLimits()
        // A few operators, their scripts, and Prometheus.
        limits.connections = 64
        limits.bodyBytes = Operation.bytesMax
        server = HTTPServer(loop: loop, limits: limits)
    }

    func serve(_ listener: Listener) throws(SystemError) { try server.serve(listener, handler: self) }

    func handle(_ request: borrowing Request, _ exchange: Exchange) {
        guard let route = OperatorRoute(path: request.path) else { return server.respond(exchange, .notFound) }
        if route.needsToken {
            let hasToken = request.bearerToken != nil
            let verdict = gate.admit(request.bearerToken, now: loop.now)
            if verdict != .admitted { metrics.refusals += 1 }
            switch verdict {
            case .admitted: break
            case .refused:
                return server.respond(
                    exchange, .operatorUnauthorized, headers: { $0.appendBearerChallenge(refusedToken: hasToken) })
            case .limited(let seconds):
                return server.respond(exchange, .tooManyAttempts, retryAfterSeconds: seconds)
            }
        }
        guard route.allows(request.method) else {
            return server.respond(exchange, .methodNotAllowed, headers: { $0.appendHeader("Allow", route.allow) })
        }
        do throws(StoreError) {
            try answer(route, request, exchange)
        } catch {
            logUnreadable(error)
            server.respond(exchange, .unreadable, retryAfterSeconds: 1)
        }
    }

    private func logUnreadable(_ error: StoreError) {
        log.writeSeldom(.error, "database_unreadable", cause: error.description) {
            $0.appendMember("message", error.description)
        }
    }

    private func answer(
        _ route: OperatorRoute, _ request: borrowing Request, _ exchange: Exchange
    ) throws(StoreError) {
        switch route {
        case .live: server.respond(exchange, .ok) { $0.append("{\"status\":\"live\"}") }
        case .ready:
            guard let trouble = metrics.trouble else {
                return server.respond(exchange, .ok) { $0.append("{\"status\":\"ready\"}") }
            }
            server.respond(
                exchange, .notStoring, retryAfterSeconds: 1, members: { $0.appendMember("reason", trouble) })
        case .metrics:
            var sales: [SaleOverview]?
            var strays: [(sale: SaleID, count: Int)] = []
            do throws(StoreError) {
                strays = try store.openDeadLettersWithoutSale()
                sales = try store.overviews()
            } catch {
                // When the database can't be read is when somebody needs the rest.
                logUnreadable(error)
            }
            server.respond(exchange, .ok, .metrics) {
                metrics.append(to: &$0, sales: sales, strays: strays, linesDropped: log.droppedInAll)
            }
        case .sales:
            let sales = try store.overviews()
            respond(exchange) { $0.appendMember("sales", objects: sales) { append($1, to: &$0) } }
        case .orders(let sale):
            guard let buyer = request.queryText("buyer"), !buyer.isEmpty else {
                return server.respond(exchange, .buyerMissing)
            }
            let orders = try store.orders(of: buyer, in: sale)
            respond(exchange) { $0.appendMember("orders", objects: orders) { Self.append($1, to: &$0) } }
        case .deadLetters(let sale):
            let letters = try store.deadLetters(of: sale).prefix(Self.lettersMax)
            respond(exchange) { $0.appendMember("letters", objects: letters) { $1.figures.append(to: &$0) } }
        case .operations: operate(request, exchange)
        case .soldPerSecond(let sale):
            let seconds = try store.soldPerSecond(in: sale, limit: Self.secondsMax)
            respond(exchange) { body in
                body.appendMember("seconds", objects: seconds) { text, second in
                    text.appendMember("at", time: UnixMilliseconds(second.second * 1000))
                    text.appendMember("orders", second.orders)
                    text.appendMember("units", second.units)
                }
            }
        }
    }

    /// Runs an operation at once, between two batches.
    private func operate(_ request: borrowing Request, _ exchange: Exchange) {
        do {
            let result = try perform(try Operation(parsing: request.body))
            server.respond(exchange, .ok) { $0.append(result) }
        } catch let malformed as Operation.Malformed {
            server.respond(exchange, .operationMalformed, members: { $0.appendMember("reason", malformed.description) })
        } catch let refused as OperationRefused {
            let problem: Problem = refused.kind == .notFound ? .notFound : .operationRefused
            server.respond(exchange, problem, members: { $0.appendMember("reason", refused.description) })
        } catch {
            log.write(.error, "operation_failed") { $0.appendMember("message", "\(error)") }
            server.respond(
                exchange, .notStoring, retryAfterSeconds: 1, members: { $0.appendMember("reason", "\(error)") })
        }
    }

    /// Answers with an object; `members` appends its members.
    private func respond(_ exchange: Exchange, _ members: (inout ByteBuffer) -> Void) {
        server.respond(exchange, .ok) { $0.appendObject(members) }
    }

    private func append(_ sale: SaleOverview, to text: inout ByteBuffer) {
        text.appendMember("sale", sale.sale)
        text.appendMember("title", sale.title)
        text.appendMember("stock", sale.stockTotal)
        text.appendMember("sold", sale.sold)
        text.appendMember("persisted_position", sale.persistedPosition)
        text.appendMember("lag", metrics.figures[sale.sale]?.lag ?? 0)
        text.appendMember("epoch", sale.epoch)
        text.appendMember("open_dead_letters", sale.openDeadLetters)
        text.appendMember("ledger_seq", sale.ledgerSeq)
        text.appendMember("archived", sale.isArchived)
    }

    private static func append(_ order: Order, to text: inout ByteBuffer) {
        text.appendMember("order", "\(order.id)")
        text.appendMember("position", order.id.position)
        text.appendMember("buyer", order.buyer)
        text.appendMember("quantity", order.quantity)
        text.appendMember("key", order.key)
        text.appendMember("trace", order.trace)
        text.appendMember("secured_at", time: order.securedAt)
        text.appendMember("epoch", order.epoch)
    }
}
