import Foundation
import RedisClient
import Shared
import TestSupport
import Testing

@Suite struct `The ingress' log` {
    private struct Line: Decodable {
        let method, path, upstream: String
        let status: Int
    }
    private static let whole = "access_log sale-access.log request buffer=256k flush=1s;"

    private func begin(_ site: [String: String]) throws -> (SaleSystem, Ingress, token: String) {
        let system = try SaleSystem(apis: 1)
        try TestSale.create(system.connect(), stock: 100)
        let ingress = try system.ingress(site)
        try ingress.start()
        return (system, ingress, try system.tokens("b", 1)[0])
    }

    private func parse(_ text: String) throws -> [Line] {
        try text.split(separator: "\n").map {
            #expect($0.utf8.count < 1000, "a line of \($0.utf8.count) bytes")
            return try JSONDecoder().decode(Line.self, from: Data($0.utf8))
        }
    }

    /// What is in the log before the buyer's next look at its own purchases, which is always logged.
    private func lines(_ ingress: Ingress, _ token: String) throws -> [Line] {
        let own = try ingress.ask("GET", "/v1/sales/demo/purchases", headers: [("Authorization", "Bearer \(token)")])
        #expect(own.status == 200)
        let name = try #require(own["x-request-id"])
        var text = ""
        let logged = eventually {
            text = (try? ingress.read("../state/sale-access.log")) ?? ""
            return text.contains(name)
        }
        #expect(logged)
        return try parse(text.split(separator: "\n").filter { !$0.contains(name) }.joined(separator: "\n"))
    }

    @Test func `has one in a hundred of what anybody can have without a token`() throws {
        let (system, ingress, token) = try begin([
            "sale-limits.conf": """
            limit_req_zone $client_network zone=sale_address:1m rate=100000r/s;
            limit_req_zone $token zone=sale_token:1m rate=1r/m;
            limit_conn_zone $client_network zone=sale_connections:1m;
            """
        ])
        let made = "a.b.\(String(repeating: "c", count: 43))"
        var statuses: Set<Int> = []
        for (method, path, headers) in [
            ("GET", "/v1/none", []), ("TRACE", "/v1/sales", []), ("GET", "/.problem/pending", []),
            ("GET", "/v1/sales", [("If-Match", "x")]), ("GET", "/v1/sales", []), ("GET", "/nothing", []),
            ("GET", "/v1/sales/none", []), ("GET", "/v1/sales/demo/purchases", []),
            ("OPTIONS", "/v1/sales/demo/purchases", []), ("FOO", "/v1/sales/demo/purchases", []),
            ("GET", "/v1/sales/demo/purchases", [("Authorization", "Bearer \(made)")]),
        ] as [(String, String, [(String, String)])] {
            for _ in 0..<300 { statuses.insert(try ingress.ask(method, path, headers: headers).status) }
        }
        #expect(statuses == [200, 401, 404, 405, 412, 429, 501])
        let found = try lines(ingress, token)
        // Thirty are to be expected, and a page that is fetched once a second.
        #expect(!found.isEmpty)
        #expect(found.count < 300, "\(found.count) of 3300")
        #expect(found.filter { $0.status == 429 }.allSatisfy { $0.upstream == "" })
        withExtendedLifetime(system) {}
    }

    @Test func `has no more because of what a site's file from before defines`() throws {
        let delivered = try String(
            contentsOf: Ingress.repository.appendingPathComponent("deploy/nginx/site/sale-log.conf"), encoding: .utf8)
        let (system, ingress, token) = try begin([
            "sale-log.conf": """
            split_clients $request_id $one_in_a_hundred { * 1; }
            map $status $is_logged { default 1; 409 0; 429 $one_in_a_hundred; }
            \(delivered)
            """
        ])
        for _ in 0..<300 { #expect(try ingress.ask("GET", "/v1/none").status == 404) }
        let found = try lines(ingress, token)
        #expect(found.count < 300)
        withExtendedLifetime(system) {}
    }

    @Test func `has one in a hundred of those who are told to come back`() throws {
        let (system, ingress, token) = try begin(["sale-limits.conf": Ingress.unlimited])
        // Redis refuses every purchase.
        try system.connect().command(["CONFIG", "SET", "maxmemory", "1"])
        for buyer in try system.tokens("c", 300) {
            #expect(try ingress.buy(SaleID("demo")!, token: buyer, key: "k").status == 503)
        }
        #expect(try lines(ingress, token).count < 30)
        withExtendedLifetime(system) {}
    }

    @Test func `has every purchase whose buyer was gone before the answer`() throws {
        let (system, ingress, token) = try begin([:])
        system.apis[0].signal(SIGSTOP)
        for method in ["GET", "POST"] {
            for _ in 0..<15 {
                try UnixHTTPClient(ingress.socket).send(
                    method, "/v1/sales/demo/purchases", headers: Ingress.press(token, "k"),
                    body: method == "POST" ? "" : nil)
            }
        }
        var found: [Line] = []
        let logged = eventually {
            found = (try? parse(ingress.read("../state/sale-access.log"))) ?? []
            return found.filter { $0.method == "POST" }.count == 15
        }
        #expect(logged)
        #expect(found.allSatisfy { $0.status == 499 })
        #expect(found.count < 30)
        withExtendedLifetime(system) {}
    }

    @Test func `has of a request what it asked, to a limit`() throws {
        let (system, ingress, token) = try begin(["sale-log.conf": Self.whole])
        let long = String(repeating: "%01", count: 2400)
        for (method, path) in [
            ("GET", "/v1/none?secret"), ("POST", "/v1/none"), ("GET", "/v1/\(long)"), ("GET", "/\(long)?secret"),
            (String(repeating: "A", count: 7000), "/v1/none"), ("TRACE", "/v1/sales"), ("GET", "/v1/\"\\"),
            ("GET", "/v1/none#token=secret"), ("GET", "/v1/$~!#?"),
        ] { #expect(try ingress.ask(method, path).status >= 400, "\(method) \(path)") }
        let found = try lines(ingress, token)
        #expect(
            found.map { "\($0.method) \($0.path)" } == [
                "GET /v1/none", "POST /v1/none", "GET /v1/\(long.prefix(252))", "GET /\(long.prefix(255))",
                "AAAAAAAAAAAAAAAA /v1/none", "TRACE /v1/sales", "GET /v1/\"\\", "GET /v1/none",
                "GET /v1/$~!",
            ])
        withExtendedLifetime(system) {}
    }

    @Test func `has nothing of the port that only leads to HTTPS`() throws {
        let delivered = try String(
            contentsOf: Ingress.repository.appendingPathComponent("deploy/nginx/site/sale-redirect.conf"),
            encoding: .utf8)
        let plain = try TemporaryDirectory()
        let (system, ingress, token) = try begin([
            "sale-log.conf": Self.whole,
            "sale-redirect.conf":
                delivered
                .replacing("listen 80;", with: "listen unix:\(plain.path("80.sock"));")
                .replacing("listen [::]:80;", with: ""),
        ])
        for path in ["/", "/v1/sales?x=y", "/\(String(repeating: "%01", count: 2400))"] {
            let answer = try UnixHTTPClient(plain.path("80.sock")).ask("GET", path)
            #expect(answer.status == 308)
            #expect(answer["location"] == "https://sale.example.com\(path)")
            #expect(answer["connection"] == "close")
        }
        #expect(try lines(ingress, token).count == 0)
        withExtendedLifetime(system) {}
    }
}
