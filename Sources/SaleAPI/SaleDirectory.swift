import EventLoop
import HTTPEdge
import RedisClient
import Shared

/// Answers what anyone may know of the sales, from a snapshot that is at most `freshMilliseconds` old.
///
/// Redis is asked only when somebody asks us, and then once for everybody who does: status pages reloaded by a million
/// people cost ten reads a second.
final class SaleDirectory {
    private static let freshMilliseconds = 100
    /// Requests that may wait for one refresh: what a process takes in a tenth of a second.
    private static let waitingMax = 8192

    private struct Waiting {
        let exchange: Exchange
        /// nil: the list of all sales.
        let sale: SaleID?
        /// The entity tags of If-None-Match, as they were sent.
        let conditions: [UInt8]?
    }

    private let loop: EventLoop
    private let redis: AsyncRedis
    private let seenSales: SeenSales
    private let cache: EdgeCache
    private unowned let server: HTTPServer
    private var snapshot: [SaleStatus] = []
    private var takenAt: Instant?
    private var waiting: [Waiting] = []
    private var refreshing = false

    init(loop: EventLoop, redis: AsyncRedis, seenSales: SeenSales, cache: EdgeCache, server: HTTPServer) {
        self.loop = loop
        self.redis = redis
        self.seenSales = seenSales
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
        guard waiting.count < Self.waitingMax else {
            return server.respond(exchange, .overloaded, retryAfterSeconds: 1)
        }
        if let takenAt, loop.now < takenAt.advanced(milliseconds: Self.freshMilliseconds) { return respond(question) }
        waiting.append(question)
        if !refreshing { refresh() }
    }

    /// Redis is gone: those who wait for it are told.
    func redisBecameUnavailable() { fail() }

    // MARK: Reading

    private func refresh() {
        refreshing = true
        redis.send(["SMEMBERS", RedisArgument(SaleKeys.sales)], "SMEMBERS") { [weak self] answer in
            guard let self else { return }
            switch answer {
            case .failure: fail()
            case .reply(let value): read(value.strings.compactMap { SaleID($0) })
            }
        }
    }

    private func read(_ sales: [SaleID]) {
        guard redis.isReady else { return fail() }
        let snapshot = Snapshot(expected: sales.count)
        if sales.isEmpty { return finish(snapshot) }
        for sale in sales {
            redis.status(of: sale) { [weak self] finding in
                guard let self else { return }
                snapshot.arrived += 1
                switch finding {
                case .confirmed(let status): snapshot.sales.append(status)
                case .noSuchSale: break
                // It can't be shown, and is no reason to show no other.
                case .incomplete: seenSales.insert(sale)
                case .nothing: snapshot.failed = true
                }
                guard snapshot.arrived == snapshot.expected else { return }
                if snapshot.failed { fail() } else { finish(snapshot) }
            }
        }
    }

    /// The statuses of one refresh, as they come in.
    private final class Snapshot {
        let expected: Int
        var arrived = 0
        var failed = false
        var sales: [SaleStatus] = []

        init(expected: Int) { self.expected = expected }
    }

    private func finish(_ fresh: Snapshot) {
        guard refreshing else { return }
        refreshing = false
        snapshot = fresh.sales.sorted { $0.sale.description < $1.sale.description }
        takenAt = loop.now
        for status in snapshot { seenSales.insert(status.sale) }
        forgetArchived()
        let questions = waiting
        waiting = []
        for question in questions { respond(question) }
    }

    /// A known sale that Redis does not show was lost, and is unavailable; or it was archived, and is unknown from now on.
    private func forgetArchived() {
        let missing = seenSales.subtracting(snapshot.map(\.sale))
        guard !missing.isEmpty, redis.isReady else { return }
        redis.send(["SMEMBERS", RedisArgument(SaleKeys.archived)], "SMEMBERS") { [seenSales] answer in
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
    }

    // MARK: Answering

    private func respond(_ question: Waiting) {
        guard let sale = question.sale else {
            return respond(question, snapshot)
        }
        guard let status = snapshot.first(where: { $0.sale == sale }) else {
            if seenSales.contains(sale) {
                return server.respond(question.exchange, .unavailable, retryAfterSeconds: 1)
            }
            return server.respond(question.exchange, .notFound)
        }
        respond(question, [status])
    }

    private func respond(_ question: Waiting, _ sales: [SaleStatus]) {
        // The tag is of what matters in the answer: the time of day would make each answer another.
        var essence = ByteBuffer(capacity: 512)
        for status in sales { essence.append(status, serverTime: nil) }
        server.respond(
            question.exchange, tag: EntityTags.tag(of: essence.bytes), maxAgeSeconds: 1, unless: question.conditions
        ) { body in
            guard question.sale == nil else { return body.append(sales[0], serverTime: sales[0].readAt) }
            body.append("{\"sales\":[")
            for (index, status) in sales.enumerated() {
                if index > 0 { body.append(",") }
                body.append(status, serverTime: status.readAt)
            }
            body.append("]}")
        }
    }
}

extension ByteBuffer {
    /// Appends a sale as anyone may see it.
    fileprivate mutating func append(_ status: SaleStatus, serverTime: UnixMilliseconds?) {
        append("{\"sale\":\"")
        append(status.sale)
        append("\"")
        appendMember("title", status.title)
        appendMember("state", status.state.rawValue)
        appendMember("opens_at", time: status.opensAt)
        appendMember("closes_at", time: status.closesAt)
        appendMember("stock", status.stockTotal)
        appendMember("remaining", status.remaining)
        appendMember("max_per_buyer", status.maxPerBuyer)
        if let serverTime { appendMember("server_time", time: serverTime) }
        appendMember("queue")
        append(status.waitingRoom)
        append("}")
    }
}
