import EventLoop
import HTTPEdge
import RedisClient
import Shared

/// Shows the public pages of sales.
///
/// Redis is asked only when a client asks, and once for all clients (`SharedRead`): pages reloaded by a million people
/// cost ten reads a second.
final class SalePages {
    /// Requests and look-ups that may wait for one read: what a process takes in a tenth of a second.
    private static let waitingMax = 8192

    private struct Question {
        let exchange: Exchange
        /// nil: the list of all sales.
        let sale: SaleID?
        /// The entity tags of If-None-Match, as they were sent.
        let conditions: [UInt8]?
    }

    /// The statuses of one read, as they come in.
    private final class Arrivals {
        let expected: Int
        var arrived = 0
        var failed = false
        var sales: [SaleStatus] = []

        init(expected: Int) { self.expected = expected }
    }

    private let redis: AsyncRedis
    private let seenSales: SeenSales
    private let cache: EdgeCache
    private let server: HTTPServer
    /// All sales, by name.
    private let statuses: SharedRead<[SaleStatus]>

    init(_ context: APIContext, cache: EdgeCache, server: HTTPServer) {
        redis = context.redis
        seenSales = context.seenSales
        self.cache = cache
        self.server = server
        statuses = SharedRead(loop: context.loop)
    }

    /// Answers with one sale, or with all of them.
    func answer(_ sale: SaleID?, _ request: borrowing Request, _ exchange: Exchange) {
        let question = Question(exchange: exchange, sale: sale, conditions: request.conditions)
        guard redis.isReady else {
            if let sale, let status = cache.status(sale) { return respond(question, [status]) }
            return server.respond(exchange, .unavailable, retryAfterSeconds: 1)
        }
        guard mayWait else {
            return server.respond(exchange, .overloaded, retryAfterSeconds: 1)
        }
        if let fresh = statuses.fresh { return respond(question, from: fresh.value) }
        statuses.ask({ [weak self] in self?.respond(question, from: $0?.value) }, read: read)
    }

    /// Calls `body` with whether Redis has the sale; nil if that can't be said now. However many names are made up,
    /// Redis is asked ten times a second.
    func lookUp(_ sale: SaleID, _ body: @escaping (Bool?) -> Void) {
        guard redis.isReady, mayWait else { return body(nil) }
        if statuses.fresh != nil { return body(seenSales.contains(sale)) }
        statuses.ask({ [seenSales] in body($0 == nil ? nil : seenSales.contains(sale)) }, read: read)
    }

    private var mayWait: Bool { statuses.count < Self.waitingMax }

    /// Redis is gone: clients that wait for it are refused.
    func redisBecameUnavailable() { statuses.redisBecameUnavailable() }

    // MARK: Reading

    private func read(_ end: @escaping ([SaleStatus]?) -> Void) {
        redis.send(["SMEMBERS", "\(SaleKeys.sales)"], "SMEMBERS") { [weak self] answer in
            switch answer {
            case .failure: end(nil)
            case .reply(let value): self?.read(value.strings.compactMap { SaleID($0) }, end)
            }
        }
    }

    private func read(_ sales: [SaleID], _ end: @escaping ([SaleStatus]?) -> Void) {
        guard redis.isReady else { return end(nil) }
        let arrivals = Arrivals(expected: sales.count)
        if sales.isEmpty { return finish(arrivals, end) }
        for sale in sales {
            redis.status(of: sale) { [weak self] finding in
                guard let self else { return }
                arrivals.arrived += 1
                switch finding {
                case .confirmed(let status): arrivals.sales.append(status)
                case .noSuchSale: break
                // It can't be shown, but the other sales can.
                case .incomplete: seenSales.insert(sale)
                case .nothing: arrivals.failed = true
                }
                guard arrivals.arrived == arrivals.expected else { return }
                if arrivals.failed { end(nil) } else { finish(arrivals, end) }
            }
        }
    }

    private func finish(_ arrivals: Arrivals, _ end: ([SaleStatus]?) -> Void) {
        let sales = arrivals.sales.sorted { $0.sale < $1.sale }
        for status in sales { seenSales.insert(status.sale) }
        forgetArchived(shown: sales.map(\.sale))
        end(sales)
    }

    /// A seen sale that Redis does not show was lost, and is unavailable; or it was archived, and is unknown from now
    /// on.
    private func forgetArchived(shown: [SaleID]) {
        let missing = seenSales.subtracting(shown)
        guard !missing.isEmpty, redis.isReady else { return }
        redis.send(["SMEMBERS", "\(SaleKeys.archived)"], "SMEMBERS") { [seenSales] answer in
            guard case .reply(let value) = answer else { return }
            for sale in value.strings.compactMap({ SaleID($0) }) where missing.contains(sale) { seenSales.remove(sale) }
        }
    }

    // MARK: Answering

    /// `sales` are nil if Redis could not say.
    private func respond(_ question: Question, from sales: [SaleStatus]?) {
        guard let sales else { return server.respond(question.exchange, .unavailable, retryAfterSeconds: 1) }
        guard let sale = question.sale else { return respond(question, sales) }
        guard let status = sales.first(where: { $0.sale == sale }) else {
            if seenSales.contains(sale) {
                return server.respond(question.exchange, .unavailable, retryAfterSeconds: 1)
            }
            return server.respond(question.exchange, .notFound)
        }
        respond(question, [status])
    }

    private func respond(_ question: Question, _ sales: [SaleStatus]) {
        // The tag leaves out the time of day, which would make each answer a new one.
        var essence = ByteBuffer(capacity: 512)
        for status in sales { essence.append(status, serverTime: nil) }
        server.respond(
            question.exchange, tag: EntityTags.tag(of: essence.bytes), maxAgeSeconds: 1, unless: question.conditions
        ) { body in
            guard question.sale == nil else { return body.append(sales[0], serverTime: sales[0].readAt) }
            body.appendObject { body in
                body.appendMember("sales", each: sales) { $0.append($1, serverTime: $1.readAt) }
            }
        }
    }
}
