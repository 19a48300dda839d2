import EventLoop
import HTTPEdge
import RedisClient
import Shared

/// Shows the public pages of sales, from a snapshot that is at most `freshMilliseconds` old.
///
/// Redis is asked only when a client asks, and once for all clients: pages reloaded by a million people cost ten reads
/// a second.
final class SalePages {
    private static let freshMilliseconds = 100
    /// Requests and look-ups that may wait for one refresh: what a process takes in a tenth of a second.
    private static let waitingMax = 8192

    private struct Waiting {
        let exchange: Exchange
        /// nil: the list of all sales.
        let sale: SaleID?
        /// The entity tags of If-None-Match, as they were sent.
        let conditions: [UInt8]?
    }

    private struct Snapshot {
        let sales: [SaleStatus]
        let takenAt: Instant

        func has(_ sale: SaleID) -> Bool { sales.contains { $0.sale == sale } }
    }

    /// The statuses of one refresh, as they come in.
    private final class Refresh {
        let expected: Int
        var arrived = 0
        var failed = false
        var sales: [SaleStatus] = []

        init(expected: Int) { self.expected = expected }
    }

    private let loop: EventLoop
    private let redis: AsyncRedis
    private let seenSales: SeenSales
    private let cache: EdgeCache
    private let server: HTTPServer
    private var snapshot: Snapshot?
    private var waiting: [Waiting] = []
    private var lookUps: [(sale: SaleID, body: (Bool?) -> Void)] = []
    private var refreshing = false

    init(_ context: APIContext, cache: EdgeCache, server: HTTPServer) {
        loop = context.loop
        redis = context.redis
        seenSales = context.seenSales
        self.cache = cache
        self.server = server
    }

    /// Answers with one sale, or with all of them.
    func answer(_ sale: SaleID?, _ request: borrowing Request, _ exchange: Exchange) {
        let question = Waiting(exchange: exchange, sale: sale, conditions: request.conditions)
        guard redis.isReady else {
            if let sale, let status = cache.status(sale) { return respond(question, [status]) }
            return server.respond(exchange, .unavailable, retryAfterSeconds: 1)
        }
        guard mayWait else {
            return server.respond(exchange, .overloaded, retryAfterSeconds: 1)
        }
        if let freshSnapshot { return respond(question, from: freshSnapshot) }
        waiting.append(question)
        if !refreshing { refresh() }
    }

    /// Calls `body` with whether Redis has the sale; nil if that can't be said now. However many names are made up,
    /// Redis is asked ten times a second.
    func lookUp(_ sale: SaleID, _ body: @escaping (Bool?) -> Void) {
        guard redis.isReady, mayWait else { return body(nil) }
        if let freshSnapshot { return body(freshSnapshot.has(sale)) }
        lookUps.append((sale, body))
        if !refreshing { refresh() }
    }

    private var mayWait: Bool { waiting.count + lookUps.count < Self.waitingMax }

    private var freshSnapshot: Snapshot? {
        guard let snapshot, loop.now < snapshot.takenAt.advanced(milliseconds: Self.freshMilliseconds) else {
            return nil
        }
        return snapshot
    }

    /// Redis is gone: clients that wait for it are refused.
    func redisBecameUnavailable() { fail() }

    // MARK: Reading

    private func refresh() {
        refreshing = true
        redis.send(["SMEMBERS", "\(SaleKeys.sales)"], "SMEMBERS") { [weak self] answer in
            guard let self else { return }
            switch answer {
            case .failure: fail()
            case .reply(let value): read(value.strings.compactMap { SaleID($0) })
            }
        }
    }

    private func read(_ sales: [SaleID]) {
        guard redis.isReady else { return fail() }
        let refresh = Refresh(expected: sales.count)
        if sales.isEmpty { return finish(refresh) }
        for sale in sales {
            redis.status(of: sale) { [weak self] finding in
                guard let self else { return }
                refresh.arrived += 1
                switch finding {
                case .confirmed(let status): refresh.sales.append(status)
                case .noSuchSale: break
                // It can't be shown, but the other sales can.
                case .incomplete: seenSales.insert(sale)
                case .nothing: refresh.failed = true
                }
                guard refresh.arrived == refresh.expected else { return }
                if refresh.failed { fail() } else { finish(refresh) }
            }
        }
    }

    private func finish(_ refresh: Refresh) {
        guard refreshing else { return }
        refreshing = false
        let sales = refresh.sales.sorted { $0.sale < $1.sale }
        let snapshot = Snapshot(sales: sales, takenAt: loop.now)
        self.snapshot = snapshot
        for status in sales { seenSales.insert(status.sale) }
        forgetArchived(shown: sales.map(\.sale))
        let questions = waiting
        waiting = []
        for question in questions { respond(question, from: snapshot) }
        endLookUps { seenSales.contains($0) || snapshot.has($0) }
    }

    private func endLookUps(_ finding: (SaleID) -> Bool?) {
        let ended = lookUps
        lookUps = []
        for (sale, body) in ended { body(finding(sale)) }
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

    private func fail() {
        refreshing = false
        let questions = waiting
        waiting = []
        for question in questions {
            server.respond(question.exchange, .unavailable, retryAfterSeconds: 1)
        }
        endLookUps { _ in nil }
    }

    // MARK: Answering

    private func respond(_ question: Waiting, from snapshot: Snapshot) {
        guard let sale = question.sale else { return respond(question, snapshot.sales) }
        guard let status = snapshot.sales.first(where: { $0.sale == sale }) else {
            if seenSales.contains(sale) {
                return server.respond(question.exchange, .unavailable, retryAfterSeconds: 1)
            }
            return server.respond(question.exchange, .notFound)
        }
        respond(question, [status])
    }

    private func respond(_ question: Waiting, _ sales: [SaleStatus]) {
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
