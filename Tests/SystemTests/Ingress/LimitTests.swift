import Foundation
import Shared
import TestSupport
import Testing

/// What one client may have of the delivered nginx, however it asks.
@Suite struct `The ingress' limits` {
    private static let slow = "rate=1r/m"
    /// Gets nothing back while a test runs.
    private static let strict = """
        limit_req_zone $client_network zone=sale_address:1m \(slow);
        limit_req_zone $token zone=sale_token:1m \(slow);
        limit_conn_zone $client_network zone=sale_connections:1m;
        """

    /// An ingress in front of servers that answer with `text`. It believes what a request says of its client's address.
    private func begin(
        _ text: String, pool: Int = 1, fields: String = "", limits: String = Ingress.unlimited
    ) throws -> Ingress {
        let ingress = try Ingress(.sale, ["sale-limits.conf": limits])
        let sockets = (0..<pool).map { ingress.directory.path("api-\($0).sock") }
        try ingress.write("site/sale-pool.conf", sockets.map { "server unix:\($0);" }.joined(separator: "\n"))
        try ingress.write("site/sale-ledger.conf", "server unix:\(sockets[0]);")
        try ingress.write("site/sale-log.conf", Ingress.echoes(sockets, text, fields: fields))
        try ingress.write(
            "site/sale-listen.conf",
            "listen unix:\(ingress.socket);\nset_real_ip_from unix:;\nreal_ip_header X-Forwarded-For;")
        // What has a rate of its own gets nothing back either, and a burst of ten thousand would take long.
        let rates = "site/sale-other-limits.conf"
        try ingress.write(rates, ingress.read(rates).replacing(/rate=[0-9]+r\/s/, with: Self.slow))
        let bursts = try ingress.read("sale.conf").replacing("burst=10000 ", with: "burst=200 ")
        try ingress.write("sale.conf", bursts.replacing("burst=100000 ", with: "burst=400 "))
        try ingress.start()
        return ingress
    }

    /// How often each status was answered.
    private func statuses(
        _ ingress: Ingress, _ count: Int, _ path: String,
        headers: (Int) -> [(String, String)] = { _ in [] }
    ) throws -> [Int: Int] {
        var found: [Int: Int] = [:]
        var client = try UnixHTTPClient(ingress.socket)
        for turn in 0..<count {
            // nginx closes a connection after a thousand.
            if turn % 900 == 899 { client = try UnixHTTPClient(ingress.socket) }
            found[try client.ask("GET", path, headers: headers(turn)).status, default: 0] += 1
        }
        return found
    }

    @Test(
        arguments: [
            ("/v1/none", [], 404), ("/v1/sales/DEMO", [], 404), ("/v1/sales", [("If-Match", "\"x\"")], 412),
            ("/v1/sales/demo/queue", [("If-Match", "\"x\"")], 412),
            ("/v1/sales/demo/ledger", [("If-Match", "\"x\"")], 412),
        ] as [(String, [(String, String)], Int)])
    func `count what nginx refuses itself`(path: String, headers: [(String, String)], status: Int) throws {
        let ingress = try begin("", limits: Self.strict)
        #expect(try statuses(ingress, 1101, path, headers: { _ in headers }) == [status: 1001, 429: 100])
    }

    @Test func `count an address, and its neighbours apart`() throws {
        let system = try SaleSystem(apis: 1)
        let port = RedisServer.freePort()
        let ingress = try system.ingress([
            "sale-listen.conf": "listen 127.0.0.1:\(port);", "sale-limits.conf": Self.strict,
        ])
        try ingress.start()
        func statuses(_ count: Int, from address: String) throws -> [String: Int] {
            let result = try ChildProcess.run(
                URL(fileURLWithPath: "/usr/bin/curl"),
                [
                    "--silent", "--interface", address, "--output", "/dev/null", "--write-out", "%{http_code}\n",
                    "http://127.0.0.1:\(port)/v1/sales?n=[1-\(count)]",
                ])
            return Dictionary(result.output.split(separator: "\n").map { (String($0), 1) }, uniquingKeysWith: +)
        }
        #expect(try statuses(1101, from: "127.0.0.2") == ["200": 1001, "429": 100])
        #expect(try statuses(1, from: "127.0.0.3") == ["200": 1])
    }

    @Test func `count what an address has under way at once, and its neighbours apart`() throws {
        let ingress = try begin("", limits: Ingress.unlimited.replacing("$connection", with: "$client_network"))
        func status(from address: String) throws -> Int {
            try ingress.ask("GET", "/v1/sales/demo/purchases", headers: [("X-Forwarded-For", address)]).status
        }
        // A request is under way while nginx waits for its body, which it does for ten seconds.
        let waiting = try (0..<512).map { _ in
            let client = try UnixHTTPClient(ingress.socket)
            try client.send(
                raw: """
                    POST /v1/sales/demo/purchases HTTP/1.1\r
                    Host: demo\r
                    X-Forwarded-For: 192.0.2.1\r
                    Content-Length: 1\r
                    \r\n
                    """)
            return client
        }
        #expect(try eventually { try status(from: "192.0.2.1") == 429 })
        #expect(try status(from: "192.0.2.2") == 200)
        try waiting[0].send(raw: "x")
        #expect(try waiting[0].answer().status == 200)
        #expect(try eventually { try status(from: "192.0.2.1") == 200 })
    }

    @Test func `count an IPv4 address, and its neighbours apart, also where a balancer writes it as IPv6`() throws {
        let ingress = try begin("", limits: Self.strict)
        func ask(_ count: Int, _ path: String, from address: String) throws -> [Int: Int] {
            try statuses(ingress, count, path, headers: { _ in [("X-Forwarded-For", address)] })
        }
        #expect(try ask(1101, "/v1/sales", from: "::ffff:192.0.2.1") == [200: 1001, 429: 100])
        #expect(try ask(1, "/v1/sales", from: "192.0.2.1") == [429: 1])
        // Nor do all of them share the limits of a /48, here 401.
        let answers = try statuses(ingress, 411, "/none") { [("X-Forwarded-For", "::ffff:192.0.2.\($0 % 250 + 2)")] }
        #expect(answers == [404: 411])
    }

    @Test func `count a token, however it is written, and its neighbours apart`() throws {
        let system = try SaleSystem(apis: 1)
        try TestSale.create(system.connect(), stock: 100)
        let ingress = try system.ingress(["sale-limits.conf": Self.strict])
        try ingress.start()
        let tokens = try system.tokens("b", 2)
        let token = tokens[0]
        func ask(_ fields: [String]) throws -> HTTPAnswer {
            try ingress.ask("GET", "/v1/sales/demo/purchases", headers: fields.map { ("Authorization", $0) })
        }
        for turn in 0...40 { #expect(try ask(["Bearer \(token)"]).status == 200, "turn \(turn)") }
        let refused = try ask(["Bearer \(token)"])
        #expect(refused.status == 429)
        #expect(refused.problem == "rate-limited")
        #expect(refused["content-type"] == "application/problem+json")
        #expect(refused["retry-after"] == "1")
        #expect((refused.json["instance"] as? String)?.hasPrefix("urn:trace:") == true)
        #expect(refused.json["status"] as? Int == 429)
        #expect(try ask(["Bearer \(tokens[1])"]).status == 200)
        let spellings = ["Bearer \(token)\t", "Bearer \(token) \t ", "\tBearer \(token)", "bEARER \(token)"]
        for spelling in spellings { #expect(try ask([spelling]).status == 429, "\(spelling.debugDescription)") }
        // What is not counted is not let in.
        for spelling in ["Bearer  \(token)", "Bearer\t\(token)", "Bearer \(token)=", "Bearer \(token), x", "\(token)"] {
            let refused = try ask([spelling])
            #expect(refused.status == 401, "\(spelling.debugDescription)")
            // So no token has reached the API.
            #expect(refused["www-authenticate"] == "Bearer")
        }
        #expect(try ask(["Bearer \(token)", "Bearer \(token)"]).status == 400)
    }

    @Test func `let nobody choose a process by how a token or a ticket is written`() throws {
        let seen = "$server_addr [$http_authorization] [$http_sale_ticket]"
        let ingress = try begin(seen, pool: 8)
        func answer(_ name: String, _ value: String) throws -> String {
            try ingress.ask("GET", "/v1/sales/demo/purchases", headers: [(name, value)]).body
        }
        for buyer in 100..<120 {
            let token = "header.payload.\(String(repeating: "s", count: 40))\(buyer)"
            let usual = try answer("Authorization", "Bearer \(token)")
            #expect(usual.hasSuffix(" [Bearer \(token)] []"))
            for spelling in ["Bearer \(token)\t", "bearer \(token)", "\tBearer \(token) "] {
                #expect(try answer("Authorization", spelling) == usual, "\(spelling.debugDescription)")
            }
            let ticket = "header.payload.\(buyer)"
            let own = try answer("Sale-Ticket", ticket)
            #expect(own.hasSuffix(" [] [\(ticket)]"))
            for spelling in ["\(ticket)\t", "\t\(ticket) \t"] {
                #expect(try answer("Sale-Ticket", spelling) == own, "\(spelling.debugDescription)")
            }
        }
    }

    @Test func `have one ledger page for all spellings of its name`() throws {
        let kept = "add_header Cache-Control 'public, max-age=3600';"
        let ingress = try begin("$request_uri $request_id", fields: kept)
        func page(_ query: String) throws -> String { try ingress.ask("GET", "/v1/sales/demo/ledger\(query)").body }
        for spellings in [
            ["", "?after=0", "?after=000", "?limit=1000", "?limit=99999999999999999999", "?after=&limit=", "?x=y"],
            ["?after=7", "?after=0000007", "?after=7&limit=01000", "?AFTER=7&after=8", "?limit=1001&after=07"],
            ["?after=999999999", "?after=1000000000", "?after=99999999999999999999"],
            ["?after=5&limit=1", "?after=5&limit=0", "?after=5&limit=001", "?limit=00&after=5"],
            ["?after=x", "?after=-1", "?after=%31"],
            ["/head", "/head?after=1", "/head?limit=2"],
        ] {
            let pages = try spellings.map { try page($0) }
            #expect(Set(pages).count == 1, "\(pages)")
        }
        #expect(try page("?after=7&limit=999") != page("?after=7"))
    }

    @Test func `are narrower for the ledger, and leave the sale's pages alone`() throws {
        let ingress = try begin("$request_id")
        func ask(_ count: Int, _ path: String, from address: String) throws -> [Int: Int] {
            try statuses(ingress, count, path, headers: { _ in [("X-Forwarded-For", address)] })
        }
        #expect(try ask(61, "/v1/sales/demo/ledger/head", from: "192.0.2.1") == [200: 51, 429: 10])
        #expect(try ask(1, "/v1/sales/demo", from: "192.0.2.1") == [200: 1])
        #expect(try ask(1, "/v1/sales/demo/ledger", from: "192.0.2.2") == [200: 1])
        // A /48 has 65,536 networks, and is one reader.
        #expect(try ask(61, "/v1/sales/demo/ledger", from: "2001:db8:7:1::1") == [200: 51, 429: 10])
        #expect(try ask(1, "/v1/sales/demo/ledger", from: "2001:db8:7:2::1") == [429: 1])
        #expect(try ask(1, "/v1/sales/demo/ledger", from: "2001:db8:8:2::1") == [200: 1])
    }

    @Test func `hold for a /48, however many of its networks a client uses`() throws {
        let ingress = try begin("")
        func ask(_ count: Int, _ path: String, site: Int) throws -> [Int: Int] {
            try statuses(ingress, count, path) { [("X-Forwarded-For", "2001:db8:\(site):\($0)::1")] }
        }
        // Files are counted apart, and there may be more of them.
        #expect(try ask(411, "/none", site: 1) == [404: 401, 429: 10])
        #expect(try ask(211, "/v1/none", site: 1) == [404: 201, 429: 10])
        #expect(try ask(1, "/none", site: 2) == [404: 1])
        #expect(try ask(1, "/v1/none", site: 2) == [404: 1])
    }

    @Test func `have their rates in files that an update leaves alone`() throws {
        let delivered = Ingress.repository.appendingPathComponent("deploy/nginx")
        for folder in [delivered, delivered.appendingPathComponent("snippets")] {
            for file in try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            where file.pathExtension == "conf" {
                let text = try String(contentsOf: file, encoding: .utf8)
                #expect(!text.contains("_zone "), "\(file.lastPathComponent)")
            }
        }
    }
}
