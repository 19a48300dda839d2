import EventLoop
import RedisClient
import Shared
import TestSupport
import Testing

@testable import HTTPEdge
@testable import SaleAPI

@Suite struct `A route` {
    @Test(arguments: [
        ("/livez", Route.live), ("/readyz", .ready), ("/metrics", .metrics), ("/v1/sales", .sales),
        ("/.well-known/jwks.json", .receiptKeys), ("/v1/sales/a-1", .sale(SaleID("a-1")!)),
        ("/v1/sales/a/purchases", .purchases(SaleID("a")!)), ("/v1/sales/a/queue", .queue(SaleID("a")!)),
        ("/v1/sales/a-1/orders/a-1-7", .order(OrderID(sale: SaleID("a-1")!, position: 7))),
    ])
    func `is what a path names`(_ path: String, _ route: Route) {
        #expect(path.withBytes { Route(path: $0) } == route)
    }

    @Test(arguments: [
        "", "/", "*", "/livez/", "/v1/sales/", "/v1/sales/A", "/v1/sales//purchases", "/v1/sales/a/purchase",
        "/v1/sales/a/purchasesx", "/v1/sales/a/queue/", "/v1/sales/a/queues", "/v1/sales/a/orders/b-1",
        "/v1/sales/a/orders/a-01", "/v1/sales/%61", "/v1//sales",
        "/.well-known", "/.well-known/", "/.well-known/jwks.json/", "/jwks.json",
    ])
    func `is nothing for any other path`(_ path: String) { #expect(path.withBytes { Route(path: $0) } == nil) }
}

@Suite struct `A purchase's bytes` {
    /// Parses a message and hands its request to `body`.
    private func read<R>(_ fields: String, _ content: String = "", _ body: (borrowing Request) -> R) -> R? {
        let text = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(content.utf8.count)\r\n\(fields)\r\n\(content)"
        let bytes = Array(text.utf8)
        var parser = RequestParser(limits: EdgeLimits())
        guard case .head(let head) = parser.parse(bytes.span) else { return nil }
        let fields = parser.fields
        let request = Request(head, bytes: bytes.span, fields: fields.span)
        return body(request)
    }

    @Test(
        arguments: [
            ("Authorization: Bearer a.b.c\r\n", "a.b.c"), ("authorization: BEARER x\r\n", "x"), ("", nil),
            ("Authorization: Bearer \r\n", nil), ("Authorization: Basic x\r\n", nil),
            ("Authorization: Bearerx\r\n", nil),
            ("Authorization: Bearer x\r\nAuthorization: Bearer x\r\n", nil),
        ] as [(String, String?)])
    func `have a token`(_ fields: String, _ token: String?) {
        #expect(read(fields) { $0.bearerToken?.string } == .some(token))
    }

    @Test(
        arguments: [
            ("", "", .units(1)), ("", "{}", .unsupportedMediaType),
            ("Content-Type: application/json\r\n", "{}", .units(1)),
            ("Content-Type: application/json ; charset=utf-8\r\n", #"{"quantity":99}"#, .units(99)),
            ("Content-Type: application/json\r\n", #"{"quantity":100}"#, .malformed),
            ("Content-Type: text/plain\r\n", "{}", .unsupportedMediaType),
            ("Content-Type: text/plain\r\n", "", .units(1)),
        ] as [(String, String, PurchaseRequest.Quantity)])
    func `ask for units`(_ fields: String, _ content: String, _ quantity: PurchaseRequest.Quantity) {
        #expect(read(fields, content) { PurchaseRequest.quantity($0) } == quantity)
    }
}

@Suite struct `An entity tag` {
    @Test(arguments: [
        (#"W/"0a""#, true), (#""0a""#, true), (#""x", W/"0a""#, true), ("*", true), (#"W/"0b""#, false), ("", false),
        (#"W/"0aa""#, false), ("0a", false),
    ])
    func `matches by weak comparison`(_ field: String, _ matches: Bool) {
        #expect(field.withBytes { EntityTags.match($0, #"W/"0a""#) } == matches)
    }
}

@Suite struct `The signing queue` {
    @Test func `signs a few in each pass of the loop, in the order of asking`() throws {
        let loop = try EventLoop()
        let queue = SigningQueue(loop: loop)
        let count = SigningQueue.perPass * 2 + 1
        var signed: [Int] = []
        for number in 0..<count { queue.add { signed.append(number) } }
        #expect(signed.isEmpty)
        for most in [SigningQueue.perPass, SigningQueue.perPass * 2, count, count] {
            try loop.pass(waitMilliseconds: 0)
            #expect(signed == Array(0..<most))
        }
        // One that is added by another has its turn too.
        queue.add { queue.add { signed.append(-1) } }
        for _ in 0..<2 { try loop.pass(waitMilliseconds: 0) }
        #expect(signed.last == -1)
    }
}

@Suite struct `A reply of purchase.lua` {
    /// What a reply reads as: nil where its form is refused whole.
    private func read(_ lua: String, count: Int) throws -> [Decision?]? {
        let server = try RedisServer()
        let reply = try server.connect().command(["EVAL", RedisArgument(lua), "0"])
        let value = reply.value
        var read = PurchaseReply()
        guard read.begin(value, count: count) else { return nil }
        var decisions: [Decision?] = []
        for _ in 0..<count { decisions.append(read.decision(value)) }
        return decisions
    }

    @Test(arguments: ["'T','u',-1", "'M','u',9223372036854775807", "'R','u','3 9223372036854775807'"])
    func `tells no time that is none`(_ rest: String) throws {
        #expect(try read("return {1,5,1000,2000,3000,\(rest)}", count: 1) == [nil])
    }

    @Test func `is read letter by letter`() throws {
        let decisions = try read("return {1,5,1000,2000,3000,'SRLIKENOPUF','u',7,'3 900','1,2',4}", count: 11)
        #expect(
            decisions == [
                .secured(position: 7, at: UnixMilliseconds(2000)), .replayed(position: 3, at: UnixMilliseconds(900)),
                .limit(orders: "1,2"), .insufficient(remaining: 4), .keyReused, .ended,
                .notOpen(opensAt: UnixMilliseconds(3000)), .soldOut, .paused, .unknownSale, .fenced,
            ])
    }

    @Test(arguments: [
        ("return {}", 1), ("return 'OK'", 1), ("return {1,5,1000,2000,0,'O','u'}", 2),
        ("return {1,5,1000,2000,0,'X','u'}", 1), ("return {1,5,1000,2000,0,'O'}", 1),
        ("return {1,5,1000,2000,0,'S','u'}", 1), ("return {1,5,1000,2000,0,'O','u',1}", 1),
        ("return {1,'x',1,2,0,'O','u'}", 1), ("return {1,5,1000,-1,0,'O','u'}", 1),
        ("return {1,5,1000,2000,9223372036854775807,'N','u'}", 1),
    ])
    func `of another form is refused whole`(_ lua: String, _ count: Int) throws {
        #expect(try read(lua, count: count) == nil)
    }
}
