import Foundation
import RedisClient
import Shared
import TestSupport
import Testing

/// Requests the shop's pages, one after the other, until it is stopped.
private final class Shopper: @unchecked Sendable {
    // The lock protects what the thread counts.
    private static let pages = ["/", "/search?q=lamp", "/account"]
    private let lock = NSLock()
    private var stopped = false
    private var visits = 0
    private var failures: [String] = []

    init(_ shop: Ingress) {
        let socket = shop.socket
        Thread.detachNewThread { [self] in
            while !lock.withLock({ stopped }) {
                let page = Self.pages[visited % Self.pages.count]
                let status = (try? UnixHTTPClient(socket).ask("GET", page).status) ?? 0
                lock.withLock {
                    visits += 1
                    if status != 200 { failures.append("\(page): \(status)") }
                }
                usleep(20_000)
            }
        }
    }

    deinit { stop() }

    func stop() { lock.withLock { stopped = true } }

    var visited: Int { lock.withLock { visits } }
    var complaints: [String] { lock.withLock { failures } }

    /// Whether 30 more visits, several to each page, are answered.
    func goesOn() -> Bool {
        let before = visited
        return eventually { visited >= before + 30 }
    }
}

@Suite struct `The shop` {
    @Test func `answers while the sale's API is gone, its Redis is gone, and ten times too many press`() throws {
        let directory = try TemporaryDirectory()
        let port = RedisServer.freePort()
        let standIn = try ChildProcess(
            URL(fileURLWithPath: "/usr/bin/python3"),
            [Ingress.repository.appendingPathComponent("deploy/shop/stand-in.py").path, "\(port)"],
            errorLog: directory.url.appendingPathComponent("stand-in.log"))
        let shop = try Ingress(
            .shop,
            [
                "shop-pool.conf": "server 127.0.0.1:\(port);",
                "shop-web.conf": "root \(Ingress.repository.appendingPathComponent("deploy/shop/pages").path);",
            ])
        try shop.start()
        try withExtendedLifetime(standIn) {
            #expect(eventually { (try? shop.ask("GET", "/account").status) == 200 })
            let redis = try RedisServer(["--enable-debug-command", "local"])
            let system = try SaleSystem(apis: 0, redis: redis)
            try system.startAPI(0, variables: ["SALE_BATCH_MAX": "10"])
            let sale = try TestSale.create(system.connect(), stock: 10_000)
            let ingress = try system.ingress(["sale-limits.conf": Ingress.unlimited])
            try ingress.start()
            let shopper = Shopper(shop)
            defer { shopper.stop() }
            #expect(shopper.goesOn())

            // Ten per batch and 40 ms of disk for each: 250 a second. 2,500 a second press.
            try redis.connect().command(["DEBUG", "AOF-FLUSH-SLEEP", "40000"])
            _ = try system.stampede(
                sale, ["--buyers", "1000", "--over", "400ms", "--connections", "600"], through: ingress.target)
            #expect(system.metric("sale_shed_total") > 0, "there was no overload")
            #expect(shopper.goesOn())

            redis.crash()
            #expect(
                eventually { (try? ingress.ask("GET", "/v1/sales/demo").status) == 503 }, "the sale does not notice")
            #expect(shopper.goesOn())

            system.killAPI(0)
            #expect(try ingress.ask("GET", "/v1/sales").status == 503)
            #expect(shopper.goesOn())
            #expect(shopper.complaints == [])
        }
    }

    @Test func `knows its visitors where a page is theirs, and nobody where it is for all`() throws {
        let shop = try Ingress(.shop, [:])
        let server = shop.directory.path("shop.sock")
        let seen = "$http_cookie [$http_authorization] $http_x_forwarded_for $http_x_real_ip [$http_forwarded]"
        try shop.write("site/shop-pool.conf", "server unix:\(server);")
        try shop.write(
            "site/shop-log.conf", Ingress.echoes([server], seen, fields: "add_header Set-Cookie session=new;"))
        // The address that a test names is its client's.
        try shop.write(
            "site/shop-listen.conf", "listen unix:\(shop.socket);\nset_real_ip_from unix:;\nreal_ip_header X-Test;")
        try shop.start()
        func ask(_ path: String, _ cookie: String) throws -> HTTPAnswer {
            try shop.ask(
                "GET", path,
                headers: [
                    ("X-Test", "192.0.2.7"), ("Cookie", cookie), ("Authorization", "Basic eA=="),
                    ("X-Forwarded-For", "10.0.0.1"), ("X-Real-IP", "10.0.0.1"), ("Forwarded", "for=10.0.0.1"),
                ])
        }
        let account = try ask("/account", "session=one")
        #expect(account.body == "session=one [Basic eA==] 192.0.2.7 192.0.2.7 []")
        #expect(account["set-cookie"] == "session=new")
        #expect(try ask("/account", "session=two").body.hasPrefix("session=two "))
        let search = try ask("/search?q=lamp", "session=one")
        #expect(search.body == " []   []")
        #expect(search["set-cookie"] == nil)
    }

    @Test func `shows nobody what another visitor has made of a page that is for all`() throws {
        let shop = try Ingress(.shop, [:])
        let server = shop.directory.path("shop.sock")
        try shop.write("site/shop-pool.conf", "server unix:\(server);")
        try shop.write(
            "site/shop-log.conf",
            Ingress.echoes(
                [server], "$http_host $http_x_forwarded_host [$http_x_forwarded_port$content_length] $request_id",
                fields: "add_header Cache-Control max-age=60;"))
        try shop.start()
        let own = [("X-Forwarded-Port", "1")]
        let first = try shop.ask("GET", "http://other.example/search?q=lamp", headers: own, body: "q=kettle").body
        #expect(first.hasPrefix("other.example other.example [] "))
        let second = try shop.ask("GET", "/search?q=lamp", headers: own, body: "q=kettle").body
        #expect(second.hasPrefix("test test [] "))
        // And it is kept.
        #expect(try shop.ask("GET", "/search?q=lamp").body == second)
    }
}
