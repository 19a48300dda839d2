import EventLoop
import HTTPEdge
import OrderStore
import Shared

/// The public ledgers, read-only, on a listener of their own: everybody may check them (docs/ledger.md).
final class LedgerService: HTTPHandler {
    /// Entries of one page: 270 bytes each, so a quarter of a megabyte.
    static let pageMax = 1000

    /// The methods that every path allows.
    private static let allow: StaticString = "GET, HEAD, OPTIONS"

    private let store: StoreReader
    private let log: Log
    private let server: HTTPServer

    init(store: StoreReader, loop: EventLoop, log: Log) {
        self.store = store
        self.log = log
        var limits = EdgeLimits()
        // The client is nginx, whose cache asks for each page once.
        limits.connections = 64
        server = HTTPServer(loop: loop, limits: limits)
    }

    func serve(_ listener: Listener) throws(SystemError) { try server.serve(listener, handler: self) }

    func handle(_ request: borrowing Request, _ exchange: Exchange) {
        if request.method == .options, request.isForServer {
            return server.respondToOptions(exchange, allow: Self.allow)
        }
        guard let (sale, isHead) = Self.route(request.path) else { return server.respond(exchange, .notFound) }
        switch request.method {
        case .get, .head: break
        case .options: return server.respondToOptions(exchange, allow: Self.allow)
        default:
            return server.respond(exchange, .methodNotAllowed, headers: { $0.appendHeader("Allow", Self.allow) })
        }
        do throws(StoreError) {
            guard let head = try store.ledgerHead(of: sale) else { return server.respond(exchange, .notFound) }
            if isHead { answer(head, of: sale, exchange) } else { try page(of: sale, head, request, exchange) }
        } catch {
            log.writeSeldom(.error, "ledger_unreadable", cause: error.description) {
                $0.appendMember("message", error.description)
            }
            server.respond(exchange, .unreadable, retryAfterSeconds: 1)
        }
    }

    /// `/v1/sales/{sale}/ledger` and `/v1/sales/{sale}/ledger/head`.
    private static func route(_ path: Span<UInt8>) -> (sale: SaleID, isHead: Bool)? {
        guard let below = SalePath(path) else { return nil }
        let tail = path.extracting(below.tail)
        if tail.equals("/ledger") { return (below.sale, false) }
        return tail.equals("/ledger/head") ? (below.sale, true) : nil
    }

    private func answer(_ head: LedgerChain, of sale: SaleID, _ exchange: Exchange) {
        server.respond(exchange, .ok, .json, headers: { $0.appendHeader("Cache-Control", "public, max-age=1") }) {
            $0.append("{")
            $0.appendMember("sale", sale)
            $0.appendMember("seq", head.seq)
            $0.appendMember("hash")
            $0.append("\"")
            $0.append(hex: head.hash.span)
            $0.append("\"}")
        }
    }

    private func page(
        of sale: SaleID, _ head: LedgerChain, _ request: borrowing Request, _ exchange: Exchange
    ) throws(StoreError) {
        let (after, limit) = (request.queryNumber("after"), request.queryNumber("limit"))
        guard after != .malformed, limit != .malformed else { return server.respond(exchange, .malformedQuery) }
        var first = 0
        if case .number(let number) = after { first = number }
        var count = Self.pageMax
        if case .number(let number) = limit { count = min(max(1, number), Self.pageMax) }
        var lines = ByteBuffer(capacity: 65_536)
        var last = first
        try store.ledger(of: sale, after: first, limit: count) {
            $0.append(to: &lines)
            last = $0.seq
        }
        let next = last
        // A page that others follow never changes. The last one may grow, or get a next one, at any moment.
        let isLast = next >= head.seq
        server.respond(
            exchange, .ok, .jsonLines,
            headers: { headers in
                headers.appendHeader("Cache-Control", isLast ? "public, max-age=1" : "public, max-age=3600")
                guard !isLast else { return }
                headers.append("Link: </v1/sales/")
                headers.append(sale)
                headers.append("/ledger?after=")
                headers.append(decimal: next)
                if case .number = limit {
                    headers.append("&limit=")
                    headers.append(decimal: count)
                }
                headers.append(">; rel=\"next\"\r\n")
            },
            body: { body in lines.withBytes { body.append($0) } })
    }
}
