import EventLoop
import Glibc
import HTTPEdge
import RedisClient
import Shared

/// One API process: routes requests, and holds no state that another process would miss.
final class SaleAPI: HTTPHandler {
    private let configuration: APIConfiguration
    private let environment: Environment
    private let loop: EventLoop
    private let log: Log
    private let manager: ServiceManager
    private let redis: AsyncRedis
    private let server: HTTPServer
    private var verifier: TokenVerifier
    private let tickets: Tickets
    private let limiter: RateLimiter
    private let metrics = APIMetrics()
    private let witnesses: Witnesses
    private let cache: EdgeCache
    private let answers: PurchaseAnswers
    private let purchaseBatcher: PurchaseBatcher
    private let salePages: SalePages
    private let signing: ReceiptSigning
    private let ownOrders: OwnOrders
    private let receiptKeysPage: ReceiptKeysPage
    private let joinMetrics = JoinMetrics()
    private let joinBatcher: JoinBatcher
    private let queuePage: QueuePage
    private var draining = false
    /// Bound, but not served yet.
    private var waiting: Listener?

    /// How long to wait for a word from Redis before requests are taken anyway and answered that it is not there.
    private static let redisGraceMilliseconds = 2000

    init(
        _ configuration: APIConfiguration, environment: Environment, keys: KeySet, receiptKeys: ReceiptKeys?,
        loop: EventLoop, log: Log, manager: ServiceManager
    ) {
        self.configuration = configuration
        self.environment = environment
        self.loop = loop
        self.log = log
        self.manager = manager
        var limits = EdgeLimits()
        limits.connections = configuration.maxConnections
        server = HTTPServer(loop: loop, limits: limits)
        // Redis wants its callback before there is a `self` to call.
        weak var api: SaleAPI?
        redis = AsyncRedis(
            configuration.redis, loop: loop, name: "sale-api", replicas: configuration.replicas,
            refusal: configuration.refusal(of:), changed: { api?.redisChanged($0) })
        let context = APIContext(
            configuration: configuration, loop: loop, redis: redis, seenSales: SeenSales(), log: log)
        verifier = configuration.verifier(keys)
        tickets = Tickets(keys: keys)
        limiter = RateLimiter(configuration.rateLimit)
        witnesses = Witnesses(loop: loop, redis: redis, seenSales: context.seenSales)
        cache = EdgeCache(context, witnesses: witnesses)
        answers = PurchaseAnswers(server: server)
        purchaseBatcher = PurchaseBatcher(
            context, answers: answers, witnesses: witnesses, cache: cache, limiter: limiter, metrics: metrics)
        salePages = SalePages(context, cache: cache, server: server)
        signing = ReceiptSigning(keys: receiptKeys, loop: loop)
        ownOrders = OwnOrders(context, witnesses: witnesses, signing: signing, server: server)
        receiptKeysPage = ReceiptKeysPage(keys: receiptKeys, server: server)
        joinBatcher = JoinBatcher(
            context, answers: JoinAnswers(server: server, tickets: tickets), limiter: limiter, metrics: joinMetrics)
        queuePage = QueuePage(
            context, pages: salePages, signing: signing, server: server, limiter: limiter)
        api = self
    }

    /// Connects to Redis, and takes requests once it is known whether Redis can be used. Until then they wait in the
    /// listener's backlog instead of being refused.
    func start(_ listener: Listener) {
        waiting = listener
        loop.schedule(afterMilliseconds: Self.redisGraceMilliseconds) { [weak self] in self?.serve() }
        redis.connect()
        loop.onEachPass(.submitted) { [log] in log.flush() }
        pingWatchdog()
    }

    private func serve() {
        guard let listener = waiting else { return }
        waiting = nil
        do throws(SystemError) {
            try server.serve(listener, handler: self)
        } catch {
            preconditionFailure("a bound socket can't be watched: \(error)")
        }
        manager.notify(.ready, status: "taking requests")
    }

    /// Tells systemd that the loop is running, as often as systemd expects.
    private func pingWatchdog() {
        guard let milliseconds = manager.watchdogMilliseconds else { return }
        manager.notifyWatchdog()
        loop.schedule(afterMilliseconds: milliseconds) { [weak self] in self?.pingWatchdog() }
    }

    // MARK: Requests

    func handle(_ request: borrowing Request, _ exchange: Exchange) {
        if request.method == .options { return options(request, exchange) }
        guard let route = Route(path: request.path) else { return server.respond(exchange, .notFound) }
        guard route.allows(request.method) else {
            return server.respond(exchange, .methodNotAllowed, headers: { $0.appendHeader("Allow", route.allow) })
        }
        switch route {
        case .purchases(let sale):
            if request.method == .post {
                purchase(sale, request, exchange)
            } else {
                orders(sale, nil, request, exchange)
            }
        case .queue(let sale):
            if request.method == .post { join(sale, request, exchange) } else { queue(sale, request, exchange) }
        case .order(let order): orders(order.sale, order.position, request, exchange)
        case .sale(let sale): salePages.answer(sale, request, exchange)
        case .sales: salePages.answer(nil, request, exchange)
        case .receiptKeys: receiptKeysPage.answer(request, exchange)
        case .live: server.respond(exchange, .ok) { $0.append("{\"status\":\"live\"}") }
        case .ready: ready(exchange)
        case .metrics:
            server.respond(exchange, .ok, .metrics) { body in
                metrics.append(
                    to: &body, edge: server.counters, redis: redis, batcher: purchaseBatcher, cache: cache,
                    limiter: limiter, linesDropped: log.droppedInAll)
                joinMetrics.append(to: &body, waiting: joinBatcher.pending)
            }
        }
    }

    /// Lists the methods that a path allows or, for the server as a whole, those that any path allows.
    private func options(_ request: borrowing Request, _ exchange: Exchange) {
        let route = Route(path: request.path)
        guard route != nil || request.isForServer else { return server.respond(exchange, .notFound) }
        server.respondToOptions(exchange, allow: route?.allow ?? Route.allowAnywhere)
    }

    private func purchase(_ sale: SaleID, _ request: borrowing Request, _ exchange: Exchange) {
        withBuyer(request, exchange) { buyer in
            guard let key = PurchaseRequest.key(request) else {
                return server.respond(exchange, .idempotencyKeyInvalid)
            }
            switch PurchaseRequest.quantity(request) {
            case .malformed: server.respond(exchange, .malformedBody)
            case .unsupportedMediaType: server.respond(exchange, .unsupportedMediaType)
            case .units(let quantity):
                admit(buyer, exchange) { charge in
                    tickets.withClaim(of: request, sale, buyer: buyer) { ticket in
                        purchaseBatcher.submit(
                            sale, buyer: buyer, key: key, quantity: quantity, ticket: ticket, charge, exchange)
                    }
                }
            }
        }
    }

    private func join(_ sale: SaleID, _ request: borrowing Request, _ exchange: Exchange) {
        withBuyer(request, exchange) { buyer in
            if let fault = JoinRequest.fault(request) { return server.respond(exchange, fault) }
            admit(buyer, exchange) { joinBatcher.submit(sale, buyer: buyer, $0, exchange) }
        }
    }

    /// Anyone may see how far admission has come. A ticket's place costs a signature, so look-ups are rate-limited like
    /// purchases.
    private func queue(_ sale: SaleID, _ request: borrowing Request, _ exchange: Exchange) {
        do throws(Ticket.Fault) {
            guard let ticket = try tickets.ticket(request, sale) else {
                return queuePage.answer(sale, request, exchange)
            }
            ticket.buyer.withBytes {
                admit($0, by: .ticket, exchange) { queuePage.answer(sale, ticket, $0, exchange) }
            }
        } catch {
            server.respond(exchange, .ticket(error))
        }
    }

    /// Calls `body` with the charge, unless this buyer asks too often.
    private func admit(
        _ buyer: Span<UInt8>, by credential: RateLimiter.Credential = .token, _ exchange: Exchange,
        _ body: (RateLimiter.Charge) -> Void
    ) {
        switch limiter.admit(buyer, by: credential, now: loop.now) {
        case .admitted(let charge): body(charge)
        case .refused(let seconds): answers.sendRateLimited(exchange, retryAfterSeconds: seconds, limiter.limit)
        }
    }

    private func orders(_ sale: SaleID, _ position: Int?, _ request: borrowing Request, _ exchange: Exchange) {
        withBuyer(request, exchange) { ownOrders.answer(sale, position: position, buyer: $0, exchange) }
    }

    /// Calls `body` with the buyer of the request's token; refuses a request without a valid token.
    private func withBuyer(_ request: borrowing Request, _ exchange: Exchange, _ body: (Span<UInt8>) -> Void) {
        guard let token = request.bearerToken else { return unauthorized(exchange, refusedToken: false) }
        do throws(JWTRefusal) {
            try verifier.withSubject(of: token, nowSeconds: time(nil), body)
        } catch {
            unauthorized(exchange, refusedToken: true)
        }
    }

    private func unauthorized(_ exchange: Exchange, refusedToken: Bool) {
        metrics.unauthorized += 1
        server.respond(exchange, .unauthorized, headers: { $0.appendBearerChallenge(refusedToken: refusedToken) })
    }

    private func ready(_ exchange: Exchange) {
        let status = redis.status
        switch status {
        case .ready where !draining:
            server.respond(exchange, .ok) {
                $0.append("{\"status\":\"ready\"")
                $0.appendMember("durability", configuration.durability.rawValue)
                $0.append("}")
            }
        default:
            var reason = "stopping"
            if case .down(let why) = status { reason = why }
            server.respond(
                exchange, .unavailable, retryAfterSeconds: 1, members: { $0.appendMember("reason", reason) })
        }
    }

    // MARK: Changes

    private func redisChanged(_ status: AsyncRedis.Status) {
        defer { serve() }
        switch status {
        case .ready(let facts):
            let problems = facts.durabilityProblems(replicas: configuration.replicas)
            log.write(problems.isEmpty ? .info : .warning, "redis_ready") {
                $0.appendMember("run_id", facts.runID)
                $0.appendMember("version", facts.version)
                if !problems.isEmpty { $0.appendMember("durability", "relaxed: \(problems.joined(separator: "; "))") }
            }
            witnesses.publish()
            cache.redisBecameReady()
            purchaseBatcher.redisBecameReady()
        case .down(let reason):
            log.write(.error, "redis_down") { $0.appendMember("reason", reason) }
            purchaseBatcher.redisBecameUnavailable()
            salePages.redisBecameUnavailable()
            joinBatcher.redisBecameUnavailable()
            queuePage.redisBecameUnavailable()
        }
    }

    /// Reads the keys of buyers and receipts again. An unusable file leaves its keys as they are.
    func reloadKeys() {
        reloadBuyersKeys()
        reloadReceiptKeys()
    }

    private func reloadBuyersKeys() {
        do throws(ConfigurationError) {
            let keys = try environment.keySet()
            verifier = configuration.verifier(keys)
            tickets.use(keys)
            log.write(.info, "keys_reloaded") { $0.appendMember("keys", keys.keys.count) }
        } catch {
            log.write(.error, "keys_kept") { $0.appendMember("reason", error.description) }
        }
    }

    private func reloadReceiptKeys() {
        do throws(ConfigurationError) {
            guard let keys = try environment.receiptKeys() else { return }
            signing.use(keys)
            receiptKeysPage.show(keys)
            log.write(.info, "receipt_keys_reloaded") { $0.appendMember("keys", keys.published.count) }
        } catch {
            log.write(.error, "receipt_keys_kept") { $0.appendMember("reason", error.description) }
        }
    }

    /// Ends the loop once no client can lose a request by it. Called a second time, it ends the loop once the requests
    /// in flight are answered.
    func stop() {
        guard !draining else { return server.drain { [loop] in loop.stop() } }
        draining = true
        log.write(.info, "stopping") { $0.appendMember("connections", server.counters.open) }
        manager.notify(.stopping, status: "answering those who are connected")
        // Connections in the backlog must be served, not lost.
        serve()
        server.retire(afterMilliseconds: configuration.drainMilliseconds) { [loop] in loop.stop() }
        // Every purchase is answered by its deadline. A client that doesn't take its answer is not waited for.
        let last = HTTPServer.lastRequestMilliseconds + configuration.deadlineMilliseconds + 500
        loop.schedule(afterMilliseconds: configuration.drainMilliseconds + last) { [loop] in loop.stop() }
    }
}
