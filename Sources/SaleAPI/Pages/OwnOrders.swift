import EventLoop
import HTTPEdge
import RedisClient
import Shared

/// Shows buyers their own orders: all of a sale, or one with its receipt.
final class OwnOrders {
    /// Look-ups that may wait at once, for Redis or for a signature. Each holds a few hundred bytes.
    private static let waitingMax = 8192

    private let redis: AsyncRedis
    private let seenSales: SeenSales
    private let log: Log
    private let witnesses: Witnesses
    private let server: HTTPServer
    private let signing: ReceiptSigning
    private var waiting = 0

    private struct Question {
        let sale: SaleID
        /// nil: all orders of the buyer.
        let position: Int?
        let buyer: String
        let exchange: Exchange
    }

    init(_ context: APIContext, witnesses: Witnesses, signing: ReceiptSigning, server: HTTPServer) {
        redis = context.redis
        seenSales = context.seenSales
        log = context.log
        self.witnesses = witnesses
        self.signing = signing
        self.server = server
    }

    /// Answers with the buyer's orders in `sale`, or with the one at `position`.
    func answer(_ sale: SaleID, position: Int?, buyer: Span<UInt8>, _ exchange: Exchange) {
        guard redis.isReady, let runID = redis.runID else { return refuse(.unavailable, exchange) }
        guard waiting < Self.waitingMax else { return refuse(.overloaded, exchange) }
        waiting += 1
        let question = Question(sale: sale, position: position, buyer: buyer.string, exchange: exchange)
        // What a buyer has been shown must not be taken back either.
        redis.read(.lookup(question.buyer, in: sale, runID: runID), { LookupReply($0) }) { [weak self] found in
            if let found { self?.judge(found, question) } else { self?.fail(question) }
        }
    }

    private func judge(_ found: LookupReply, _ question: Question) {
        switch found.code {
        case "K":
            seenSales.insert(question.sale)
            respond(found, question)
        case "U" where !seenSales.contains(question.sale): finish(question) { server.respond($0, .notFound) }
        default: fail(question)
        }
    }

    private func respond(_ found: LookupReply, _ question: Question) {
        guard let position = question.position else {
            if let last = found.wins.map(\.position).max() { recordWin(last, found, question) }
            return finish(question) { list(found, question.sale, $0) }
        }
        guard let win = found.wins.first(where: { $0.position == position }) else {
            return finish(question) { server.respond($0, .notFound) }
        }
        recordWin(position, found, question)
        guard signing.keys != nil else { return show(win, of: found, question) }
        signing.add { [weak self] in self?.show(win, of: found, question) }
    }

    /// The win may be another process' decision, and its buyer may learn of it only here.
    private func recordWin(_ position: Int, _ found: LookupReply, _ question: Question) {
        witnesses.recordWin(question.sale, uuid: found.uuid, position: position, remaining: found.remaining)
    }

    private func list(_ found: LookupReply, _ sale: SaleID, _ exchange: Exchange) {
        server.respond(exchange, .ok, headers: appendPrivate) { body in
            body.appendObject { body in
                body.appendMember("orders", objects: found.wins) { $0.append(sale, $1, persisted: found.persisted) }
            }
        }
    }

    private func show(_ win: Win, of found: LookupReply, _ question: Question) {
        let receipt = receipt(of: win, found, question)
        finish(question) { exchange in
            server.respond(exchange, .ok, headers: appendPrivate) { body in
                body.appendObject { body in
                    body.append(question.sale, win, persisted: found.persisted)
                    body.appendMember("receipt")
                    guard let receipt, let keys = signing.keys else { return body.append("null") }
                    body.append("\"")
                    keys.signer.append(receipt, to: &body)
                    body.append("\"")
                }
            }
        }
    }

    /// The receipt of a win; nil if none is signed.
    private func receipt(of win: Win, _ found: LookupReply, _ question: Question) -> Receipt? {
        guard signing.keys != nil else { return nil }
        // Set up again each time, which takes a tenth of the signature's time.
        guard let pseudonym = Pseudonym(key: found.pseudonymKey), !found.uuid.isEmpty else {
            // The order counts without a receipt.
            log.writeSeldom(.error, "receipt_unsigned", cause: "\(question.sale)") {
                $0.appendMember("sale", question.sale)
                $0.appendMember("reason", "Redis has no uuid or no usable pseudonym_key of it")
            }
            return nil
        }
        return Receipt(
            order: OrderID(sale: question.sale, position: win.position), uuid: found.uuid, epoch: win.epoch,
            quantity: win.quantity, buyer: pseudonym.of(question.buyer), securedAt: win.securedAt)
    }

    // MARK: Ends

    /// Answers a question that waited.
    private func finish(_ question: Question, _ answer: (Exchange) -> Void) {
        waiting -= 1
        answer(question.exchange)
    }

    private func fail(_ question: Question) { finish(question) { refuse(.unavailable, $0) } }

    private func refuse(_ problem: Problem, _ exchange: Exchange) {
        server.respond(exchange, problem, retryAfterSeconds: 1)
    }

    private func appendPrivate(_ headers: inout ByteBuffer) { headers.append("Cache-Control: private, no-store\r\n") }
}

extension ByteBuffer {
    /// Appends the members of an order as its buyer sees it.
    fileprivate mutating func append(_ sale: SaleID, _ win: Win, persisted: Int) {
        let order = OrderID(sale: sale, position: win.position)
        appendOrder(order, quantity: win.quantity, securedAt: win.securedAt)
        appendMember("persisted", win.position <= persisted)
    }
}
