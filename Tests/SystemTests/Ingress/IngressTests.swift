import Foundation
import RedisClient
import Shared
import TestSupport
import Testing

/// The delivered nginx configuration, in front of real processes.
@Suite struct `The ingress` {
    private static let sale = SaleID("demo")!

    private func begin(worker: Bool = false) throws -> SaleSystem {
        let system = try SaleSystem(apis: 1)
        try TestSale.create(system.connect(), stock: 100)
        if worker { try system.startWorker() }
        return system
    }

    @Test func `routes the public paths by name, and nothing else`() throws {
        let system = try begin(worker: true)
        let ingress = try system.ingress()
        try ingress.start()
        let token = try system.tokens("b", 1)[0]
        let won = try ingress.buy(Self.sale, token: token, key: "k")
        #expect(won.status == 201)
        #expect(won["strict-transport-security"] != nil)
        #expect(eventually { (try? system.query("SELECT count(*) FROM orders")) == ["1"] })
        let own = [("Authorization", "Bearer \(token)")]
        for path in ["/v1/sales/demo/purchases", "/v1/sales/demo/orders/demo-1"] {
            #expect(try ingress.ask("GET", path, headers: own).status == 200, "\(path)")
            #expect(try ingress.ask("GET", path).status == 401, "\(path)")
        }
        for path in ["/v1/sales", "/v1/sales/demo", "/v1/sales/demo/ledger", "/v1/sales/demo/ledger/head"] {
            #expect(try ingress.ask("GET", path).status == 200, "\(path)")
        }
        for path in [
            "/metrics", "/livez", "/readyz", "/v1/audit", "/v1/sales/demo/dead-letters", "/v1/sales/DEMO",
            "/v1/sales/demo/ledger/../../../../metrics", "/%6detrics", "/.problem/pending", "/nothing",
        ] {
            let answer = try ingress.ask("GET", path)
            #expect(answer.status == 404, "\(path)")
            #expect(answer.problem == "not-found", "\(path)")
            #expect(answer["content-type"] == "application/problem+json", "\(path)")
            #expect(answer.json["instance"] as? String == answer["x-request-id"].map { "urn:trace:\($0)" }, "\(path)")
        }
    }

    @Test func `lets no other origin frame a page, run a script in it, or read an answer`() throws {
        let system = try begin()
        let ingress = try system.ingress(["sale-web.conf": Browser.pageRoot])
        try ingress.start()
        let origin = [("Origin", "https://elsewhere.example")]
        let fields = [
            "content-security-policy":
                "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
            "x-content-type-options": "nosniff", "referrer-policy": "no-referrer",
            "strict-transport-security": "max-age=31536000; includeSubDomains",
        ]
        // The page, the API's answers, a kept one, and nginx' own, of which some add a field.
        for (method, path, status) in [
            ("GET", "/", 200), ("GET", "/sale.js", 200), ("GET", "/v1/sales/demo", 200), ("GET", "/v1/sales/demo", 200),
            ("POST", "/v1/sales/demo", 405), ("OPTIONS", "/v1/sales/demo/purchases", 200), ("GET", "/nothing", 404),
            ("PUT", "/", 405),
        ] {
            let answer = try ingress.ask(method, path, headers: origin)
            #expect(answer.status == status, "\(method) \(path)")
            for (name, value) in fields { #expect(answer[name] == value, "\(method) \(path)") }
            #expect(answer["access-control-allow-origin"] == nil, "\(method) \(path)")
        }
    }

    @Test func `answers what is the same for all from memory, under a name of its own each time`() throws {
        let system = try begin()
        let ingress = try system.ingress()
        try ingress.start()
        let client = try UnixHTTPClient(ingress.socket)
        let before = system.metric("sale_http_requests_total")
        var names: Set<String> = []
        for turn in 0..<400 {
            let answer = try client.ask("GET", turn % 2 == 0 ? "/v1/sales/demo" : "/v1/sales/demo?again=\(turn)")
            #expect(answer.status == 200)
            names.insert(answer["x-request-id"] ?? "")
        }
        #expect(names.count == 400)
        // Once a second: 40 requests would take 40 seconds.
        #expect(system.metric("sale_http_requests_total") - before < 40)
        #expect(try client.ask("GET", "/v1/sales/none").status == 404)
    }

    @Test func `keeps no page under a name that another spelling has asked for`() throws {
        let system = try SaleSystem(apis: 1)
        try TestSale.create(system.connect(), stock: 100, admission: .init(rate: 1000))
        try system.startWorker()
        let ingress = try system.ingress()
        try ingress.start()
        let worker = system.directory.path("ledger.sock")
        let ledger = eventually {
            (try? UnixHTTPClient(worker).ask("GET", "/v1/sales/demo/ledger/head").json["seq"] as? Int) == 1
        }
        #expect(ledger)
        for (spelling, name) in [
            ("/v1/sales/dem%6f", "/v1/sales/demo"), ("/v1//sales", "/v1/sales"),
            ("/v1/sales/demo/queu%65", "/v1/sales/demo/queue"),
            ("/.well-known/jwks%2ejson", "/.well-known/jwks.json"),
            ("/v1/sales/demo/ledge%72", "/v1/sales/demo/ledger"),
        ] {
            // A first request with another spelling gets the same answer as every later request.
            let first = try ingress.ask("GET", spelling)
            #expect(first.status == 200, "\(spelling)")
            let answer = try ingress.ask("GET", name)
            #expect(answer.status == 200, "\(name)")
            #expect(answer.body == first.body || name.hasSuffix("queue"), "\(name)")
        }
        for path in ["/v1/sales/other%0a", "/v1/sales%0A", "/v1/sales/demo/ledger%0a", "/v1/sales/demo/purchases%0a"] {
            #expect(try ingress.ask("GET", path).status == 404, "a line's end is a part of no name: \(path)")
        }
        // Queries that nginx and the worker could read differently.
        for (query, name) in [
            ("AFTER=&after=5&limit=11", "limit=11"), ("after=&after=5&limit=12", "limit=12"),
            ("after=0&after=5&limit=13", "after=0&limit=13"), ("limit=14&limit=15&after=5&After=0", "limit=14"),
        ] {
            let page = "/v1/sales/demo/ledger?"
            #expect(try ingress.ask("GET", page + query).status == 200, "\(query)")
            let answer = try ingress.ask("GET", page + name)
            #expect(answer.body.contains("\"seq\":1"), "\(query): \(answer)")
        }
        for query in ["after=x", "limit=x", "after=-1", "limit=%31"] {
            #expect(try ingress.ask("GET", "/v1/sales/demo/ledger?\(query)").problem == "malformed-query", "\(query)")
        }
    }

    @Test(arguments: ["/v1/sales", "/v1/sales/demo", "/v1/sales/demo/queue", "/.well-known/jwks.json"])
    func `shows no page of an earlier second, however long nobody has asked`(path: String) throws {
        // In place of the API, a server that answers every request with the time, to be kept for minutes.
        let api = try TemporaryDirectory()
        let ingress = try Ingress(
            .sale,
            [
                "sale-pool.conf": "server unix:\(api.path("api.sock"));",
                "sale-log.conf": """
                access_log off;
                server {
                    listen unix:\(api.path("api.sock"));
                    add_header Cache-Control "public, max-age=300";
                    return 200 $msec;
                }
                """,
            ])
        try ingress.start()
        func time(from socket: String) throws -> Double {
            try #require(Double(UnixHTTPClient(socket).ask("GET", path).body))
        }
        let first = try time(from: ingress.socket)
        var now = first
        #expect(
            eventually {
                now = (try? time(from: api.path("api.sock"))) ?? now
                return now > first + 3
            })
        #expect(try time(from: ingress.socket) >= now.rounded(.down))
        #expect(try ingress.ask("GET", path)["cache-control"] == "public, max-age=300")
    }

    @Test func `names in every refusal the request that it refuses`() throws {
        let system = try begin()
        let ingress = try system.ingress()
        try ingress.start()
        for path in ["/v1/sales/none", "/v1/sales/none/queue", "/v1/sales/demo/queue", "/v1/none"] {
            for _ in 0..<2 {
                let refused = try ingress.ask("GET", path)
                #expect(refused.status == (path == "/v1/sales/demo/queue" ? 409 : 404), "\(refused)")
                #expect(refused.json["instance"] as? String == refused["x-request-id"].map { "urn:trace:\($0)" })
            }
        }
    }

    @Test func `says in problem documents what only nginx refuses`() throws {
        let system = try begin()
        let web = try TemporaryDirectory()
        try "hello".write(toFile: web.path("index.html"), atomically: true, encoding: .utf8)
        let ingress = try system.ingress(["sale-web.conf": "root \(web.url.path);"])
        try ingress.start()
        for (head, status, problem, allow) in [
            ("TRACE /v1/sales/demo/purchases?x HTTP/1.1", 405, "method-not-allowed", "GET, HEAD, OPTIONS, POST"),
            ("TRACE /v1/sales/demo/queue HTTP/1.1", 405, "method-not-allowed", "GET, HEAD, OPTIONS, POST"),
            ("CONNECT /v1/sales/demo HTTP/1.1", 405, "method-not-allowed", "GET, HEAD, OPTIONS"),
            ("TRACE /.well-known/jwks.json HTTP/1.1", 405, "method-not-allowed", "GET, HEAD, OPTIONS"),
            ("DELETE /index.html HTTP/1.1", 405, "method-not-allowed", "GET, HEAD"),
            ("GET /v1/sales/demo HTTP/1.1\r\nIf-Match: \"x\"", 412, "precondition-failed", nil),
            (
                "GET /v1/sales HTTP/1.1\r\nIf-Unmodified-Since: Thu, 26 Nov 2026 20:00:00 GMT",
                412, "precondition-failed", nil
            ),
            ("GET /v1/sales/demo/ledger HTTP/1.1\r\nIf-Match: \"x\"", 412, "precondition-failed", nil),
            ("GET /index.html HTTP/1.1\r\nRange: bytes=100-", 416, "range-not-satisfiable", nil),
            ("GET /v1/sales HTTP/1.1\r\nTransfer-Encoding: gzip, chunked", 501, "not-implemented", nil),
            ("GET /v1/sales HTTP/2.0", 505, "version-not-supported", nil),
        ] as [(String, Int, String, String?)] {
            let client = try UnixHTTPClient(ingress.socket)
            try client.send(raw: "\(head)\r\nHost: test\r\n\r\n")
            let answer = try client.answer()
            #expect(answer.status == status, "\(head)")
            #expect(answer.problem == problem, "\(head): \(answer.body)")
            #expect(answer["content-type"] == "application/problem+json", "\(head)")
            #expect(answer.json["status"] as? Int == status, "\(head)")
            #expect(answer.json["instance"] as? String == answer["x-request-id"].map { "urn:trace:\($0)" }, "\(head)")
            #expect(answer["allow"] == allow, "\(head)")
        }
        // nginx would complain about a page that was fetched and thrown away.
        #expect(!ingress.errors.contains("stalled cache updating"), "\(ingress.errors)")
    }

    @Test(arguments: ["/v1/sales", "/v1/sales/demo", "/v1/sales/demo/ledger", "/.well-known/jwks.json"])
    func `shows a page to whoever asks for it only if there is one`(path: String) throws {
        let system = try begin(worker: true)
        let ingress = try system.ingress()
        try ingress.start()
        let condition = [("If-Match", "*")]
        #expect(eventually { (try? ingress.ask("GET", path).status) == 200 })
        let answer = try ingress.ask("GET", path, headers: condition)
        #expect(answer.status == 200, "\(answer)")
        #expect(try ingress.ask("GET", "/v1/sales/none", headers: condition).status == 404)
    }

    /// `script/install` puts a compressed copy beside each file of the page.
    @Test func `says of a file that its compressed copy is for those who take it`() throws {
        let web = try TemporaryDirectory()
        for (name, text) in [("sale.js", "hello"), ("sale.js.gz", "its compressed copy")] {
            try text.write(toFile: web.path(name), atomically: true, encoding: .utf8)
        }
        let ingress = try Ingress(.sale, ["sale-web.conf": "root \(web.url.path);"])
        try ingress.start()
        for (encoding, body) in [("gzip", "its compressed copy"), ("identity", "hello")] {
            let answer = try ingress.ask("GET", "/sale.js", headers: [("Accept-Encoding", encoding)])
            #expect(answer.body == body)
            #expect(answer["vary"] == "Accept-Encoding", "\(encoding)")
        }
    }

    /// HTTP/1.0 has no Host, and HTTP/1.1, in which nginx asks the API, must have one.
    @Test func `takes a request of HTTP/1.0 without Host, in a container too`() throws {
        let system = try begin()
        let delivered = try String(
            contentsOf: Ingress.repository.appendingPathComponent("deploy/container/nginx-site/sale-listen.conf"),
            encoding: .utf8)
        let directory = try TemporaryDirectory()
        let listen = delivered.replacing("listen 8080", with: "listen unix:\(directory.path("sock"))")
        let ingress = try system.ingress(["sale-listen.conf": listen])
        try ingress.start()
        let client = try UnixHTTPClient(directory.path("sock"))
        try client.send(raw: "GET /v1/sales HTTP/1.0\r\n\r\n")
        #expect(try client.answer().status == 200)
    }

    @Test func `refuses in the API's own words`() throws {
        let system = try begin()
        let ingress = try system.ingress()
        try ingress.start()
        let long = String(repeating: "a", count: 9000)
        let token = try system.tokens("b", 1)[0]
        for (answer, status, problem) in [
            (
                try ingress.ask(
                    "POST", "/v1/sales/demo/purchases", headers: Ingress.press(token, "k"),
                    body: String(repeating: " ", count: 5000)),
                413, "content-too-large"
            ),
            (try ingress.ask("GET", "/v1/sales?\(long)"), 414, "uri-too-long"),
            (try ingress.ask("GET", "/v1/sales", headers: [("X-Long", long)]), 431, "headers-too-large"),
            (try ingress.ask("GET", "/v1/sales", headers: [("Host", "another")]), 400, "bad-request"),
            (try ingress.ask("POST", "/index.html", body: ""), 404, "not-found"),
        ] {
            #expect(answer.status == status)
            #expect(answer.problem == problem, "\(answer.body)")
            #expect(answer.json["status"] as? Int == status)
        }
    }

    @Test func `speaks TLS with the delivered settings, and only that`() throws {
        let system = try begin()
        let port = RedisServer.freePort()
        let delivered = try String(
            contentsOf: Ingress.repository.appendingPathComponent("deploy/nginx/site/sale-listen.conf"),
            encoding: .utf8)
        let ingress = try system.ingress([
            "sale-listen.conf": delivered.replacingOccurrences(of: "listen 443", with: "listen 127.0.0.1:\(port)")
                .replacingOccurrences(of: "listen [::]:443", with: "listen [::1]:\(port)")
        ])
        let certificate = try ingress.makeCertificate(for: "sale.example.com")
        try ingress.start()
        func curl(_ arguments: [String]) throws -> (code: Int32, output: String, errors: String) {
            try ChildProcess.run(
                URL(fileURLWithPath: "/usr/bin/curl"),
                ["--silent", "--include", "--resolve", "sale.example.com:\(port):127.0.0.1"] + arguments)
        }
        let url = "https://sale.example.com:\(port)/v1/sales/demo/purchases"
        let token = try system.tokens("b", 1)[0]
        let press = Ingress.press(token, "k").flatMap { ["--header", "\($0.0): \($0.1)"] } + ["--data", "{}"]
        let json = ["--header", "Content-Type: application/json"]
        let won = try curl(["--cacert", certificate, url] + press + json)
        #expect(won.output.hasPrefix("HTTP/2 201"), "\(won.output)\(won.errors)")
        #expect(won.output.contains("strict-transport-security: max-age=31536000"))
        let old = try curl(["--cacert", certificate, "--tls-max", "1.1", url])
        #expect(old.code == 35, "\(old)")
        let plain = try curl(["http://sale.example.com:\(port)/v1/sales"])
        #expect(plain.output.hasPrefix("HTTP/1.1 400"), "\(plain)")
        #expect(plain.output.contains("/problems/bad-request"), "\(plain)")
    }

    @Test func `names a purchase once, from its log to the row in SQLite, and logs no token and no key`() throws {
        let system = try begin(worker: true)
        let ingress = try system.ingress()
        try ingress.start()
        let token = try system.tokens("b", 1)[0]
        let won = try ingress.buy(Self.sale, token: token, key: "a-secret-key")
        let name = try #require(won["x-request-id"])
        #expect(eventually { (try? system.query("SELECT trace FROM orders")) == [name] })
        let log = ingress.directory.path("state/sale-access.log")
        let logged = eventually {
            (try? String(contentsOfFile: log, encoding: .utf8))?.contains("\"trace\":\"\(name)\"") == true
        }
        #expect(logged)
        let text = try String(contentsOfFile: log, encoding: .utf8)
        #expect(!text.contains("a-secret-key") && !text.contains(token))
        for line in text.split(separator: "\n") {
            #expect((try? JSONSerialization.jsonObject(with: Data(line.utf8))) != nil, "\(line)")
        }
        let theirs = "0af7651916cd43dd8448eb211c80319c"
        func trace(_ traceparent: String) throws -> String? {
            let headers = [("traceparent", traceparent), ("Authorization", "Bearer \(token)")]
            return try ingress.ask("GET", "/v1/sales/demo/purchases", headers: headers)["x-request-id"]
        }
        let rest = "\(theirs)-b7ad6b7169203331-01"
        for valid in ["00-\(rest)", "01-\(rest)", "fe-\(rest)-more"] { #expect(try trace(valid) == theirs, "\(valid)") }
        for invalid in ["ff-\(rest)", "00-\(rest)-more", "01-\(rest)more", "0G-\(rest)"] {
            #expect(try trace(invalid) != theirs, "\(invalid)")
        }
    }

    @Test func `gives a slow sender ten seconds, unnoticed by the API`() throws {
        let system = try begin()
        let ingress = try system.ingress()
        try ingress.start()
        let token = try system.tokens("b", 1)[0]
        let before = system.metric("sale_http_connections_total")
        let (head, body) = (try UnixHTTPClient(ingress.socket), try UnixHTTPClient(ingress.socket))
        try head.send(raw: "GET /v1/sales HTTP/1.1\r\nHost: te")
        try body.send(
            raw: "POST /v1/sales/demo/purchases HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer \(token)\r\n"
                + "Idempotency-Key: k\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n{\"quant")
        #expect(head.isClosed())
        #expect(body.isClosed())
        // Each read of the metrics is a connection, too.
        #expect(system.metric("sale_http_connections_total") == before + 1)
        #expect(try system.connect().status(Self.sale)?.position == 0)
    }

    @Test func `caches the waiting room's page for all, and a ticket's place for nobody`() throws {
        let system = try SaleSystem(apis: 2)
        try TestSale.create(system.connect(), stock: 100, admission: .init(rate: 1))
        let ingress = try system.ingress()
        try ingress.start()
        let queue = "/v1/sales/demo/queue"
        var tickets: [String] = []
        for token in try system.tokens("b", 2) {
            let joined = try ingress.ask("POST", queue, headers: [("Authorization", "Bearer \(token)")], body: "")
            #expect(joined.status == 201, "\(joined)")
            tickets.append(joined.json["ticket"] as? String ?? "")
        }
        func requests() -> Int { (0..<2).reduce(0) { $0 + system.metric("sale_http_requests_total", ofAPI: $1) } }
        let before = requests()
        for _ in 0..<200 { #expect(try ingress.ask("GET", queue).status == 200) }
        // Once a second, plus each read of the metrics.
        #expect(requests() - before < 40)
        for (index, ticket) in tickets.enumerated() {
            for _ in 0..<2 {
                let place = try ingress.ask("GET", queue, headers: [("Sale-Ticket", ticket)])
                #expect(place.json["position"] as? Int == index + 1, "\(place)")
                #expect(place["cache-control"] == "private, no-store")
            }
        }
        #expect(try ingress.ask("GET", queue).json["position"] == nil)
    }
}
