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
}
