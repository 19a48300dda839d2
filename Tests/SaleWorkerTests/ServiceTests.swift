import EventLoop
import Foundation
import OrderStore
import RedisClient
import Shared
import TestSupport
import Testing

@testable import SaleWorker

@Suite struct `The worker's listeners` {
    private static let sale = SaleID("demo")!
    private static let token = String(repeating: "t", count: 43)

    /// A worker that has stored three orders.
    private func working() throws -> WorkerUnderTest {
        let under = try WorkerUnderTest()
        try TestSale.create(under.redis, stock: 10)
        try under.sell(Self.sale, to: 0..<3)
        let path = under.server.directory.path("ops.token")
        try "\(Self.token)\n".write(toFile: path, atomically: true, encoding: .utf8)
        try under.start(["SALE_OPS_TOKEN_FILE": path])
        #expect(under.drained(Self.sale))
        return under
    }

    private func get(_ socket: String, _ target: String, token: String? = nil) throws -> HTTPAnswer {
        let client = try UnixHTTPClient(socket)
        return try client.ask("GET", target, headers: token.map { [("Authorization", "Bearer \($0)")] } ?? [])
    }

    @Test func `serve the ledger to everybody, page by page, and it verifies`() throws {
        let under = try working()
        let socket = under.ledgerSocket
        let first = try get(socket, "/v1/sales/demo/ledger?limit=3")
        #expect(first.status == 200)
        #expect(first["Content-Type"] == "application/jsonl")
        #expect(first["Link"] == #"</v1/sales/demo/ledger?after=3&limit=3>; rel="next""#)
        let second = try get(socket, "/v1/sales/demo/ledger?after=3")
        #expect(second["Link"] == nil)
        let head = try get(socket, "/v1/sales/demo/ledger/head")
        #expect(head.json["seq"] as? Int == 4)
        let hash = try #require([UInt8](hex: head.json["hash"] as? String ?? ""))
        let audit = (first.body + second.body).withBytes { LedgerAudit($0, kept: [LedgerChain(seq: 4, hash: hash)]) }
        #expect(audit.fault == nil)
        #expect(audit.orders.count == 3)
        #expect(!first.body.contains("buyer-1"))
    }

    /// Until the next entry comes, nothing tells it from the end, however full it is.
    @Test func `serve a ledger's last page as one that may change, even if it is full`() throws {
        let under = try working()
        let (whole, fresh) = ("public, max-age=3600", "public, max-age=1")
        for (query, next, age) in [
            ("?limit=2", "after=2&limit=2", whole), ("?after=2&limit=2", nil, fresh), ("?after=1", nil, fresh),
            ("?after=9", nil, fresh),
        ] {
            let page = try get(under.ledgerSocket, "/v1/sales/demo/ledger\(query)")
            #expect(page["Link"] == next.map { "</v1/sales/demo/ledger?\($0)>; rel=\"next\"" }, "\(query)")
            #expect(page["Cache-Control"] == age, "\(query)")
        }
    }

    @Test func `refuse what the ledger's listener has not`() throws {
        let under = try working()
        let socket = under.ledgerSocket
        #expect(try get(socket, "/v1/sales/other/ledger").problem == "not-found")
        #expect(try get(socket, "/v1/sales").problem == "not-found")
        #expect(try get(socket, "/metrics").problem == "not-found")
        #expect(try get(socket, "/v1/sales/demo/ledger?after=x").problem == "malformed-query")
        let post = try UnixHTTPClient(socket).ask("POST", "/v1/sales/demo/ledger", body: "{}")
        #expect(post.status == 405)
        #expect(post["Allow"] == "GET, HEAD, OPTIONS")
    }

    @Test func `list the methods that the ledger allows`() throws {
        let under = try working()
        for target in ["/v1/sales/demo/ledger", "/v1/sales/demo/ledger/head", "*"] {
            let answer = try UnixHTTPClient(under.ledgerSocket).ask("OPTIONS", target)
            #expect(answer.status == 200)
            #expect(answer["Allow"] == "GET, HEAD, OPTIONS")
            #expect(answer["Content-Length"] == "0")
        }
    }

    @Test func `tell probes how the worker is without a token, and operators the rest with one`() throws {
        let under = try working()
        let socket = under.opsSocket
        #expect(try get(socket, "/livez").status == 200)
        #expect(try get(socket, "/readyz").status == 200)
        let metrics = try get(socket, "/metrics").body
        #expect(metrics.contains("sale_worker_entries_total{outcome=\"stored\"} 4\n"))
        #expect(metrics.contains("sale_units_sold{sale=\"demo\"} 3\n"))
        #expect(try get(socket, "/v1/sales").status == 401)
        let sales = try get(socket, "/v1/sales", token: Self.token)
        #expect(((sales.json["sales"] as? [[String: Any]])?.first?["sold"] as? Int) == 3)
        let orders = try get(socket, "/v1/sales/demo/orders?buyer=buyer-1", token: Self.token)
        #expect((orders.json["orders"] as? [[String: Any]])?.count == 1)
        let same = try get(socket, "/v1/sales/demo/orders?buyer=buyer%2D1", token: Self.token)
        #expect(same.body == orders.body, "whichever way the client escapes it")
        let seconds = try get(socket, "/v1/sales/demo/sold-per-second", token: Self.token)
        let sold = (seconds.json["seconds"] as? [[String: Any]])?.compactMap { $0["units"] as? Int }
        #expect(sold?.reduce(0, +) == 3)
    }

    @Test func `limit wrong tokens, and let the right one in all the same`() throws {
        let under = try working()
        let socket = under.opsSocket
        for _ in 0..<AttemptWindow.failuresMax { #expect(try get(socket, "/v1/sales", token: "wrong").status == 401) }
        let limited = try get(socket, "/v1/sales", token: "wrong")
        #expect(limited.status == 429)
        #expect((1...AttemptWindow.seconds).contains(Int(limited["Retry-After"] ?? "") ?? 0))
        #expect(try get(socket, "/v1/sales", token: Self.token).status == 200)
        let refused = "\nsale_worker_operator_refused_total \(AttemptWindow.failuresMax + 1)\n"
        #expect(try get(socket, "/metrics").body.contains(refused))
    }

    @Test func `show the process' own figures even if the database can't be read`() throws {
        let under = try working()
        let before = try get(under.opsSocket, "/metrics").body
        #expect(before.contains("\nsale_worker_database_readable 1\n"))
        #expect(before.contains("\nsale_units_sold{sale=\"demo\"} 3\n"))
        _ = try SQLiteShell.run(under.database, "ALTER TABLE sales RENAME TO gone")
        let after = try get(under.opsSocket, "/metrics")
        #expect(after.status == 200)
        #expect(after.body.contains("\nsale_worker_database_readable 0\n"))
        #expect(after.body.contains("\nsale_worker_entries_total{outcome=\"stored\"} 4\n"))
    }

    @Test func `show which sales are fenced, and forget one that is archived`() throws {
        let under = try working()
        func fenced(_ value: String) -> Bool {
            eventually {
                (try? get(under.opsSocket, "/metrics").body.contains("\nsale_fenced{sale=\"demo\"}\(value)")) == true
            }
        }
        #expect(fenced(" 0\n"))
        // A contradiction, and a fence that is therefore not lifted.
        let buyer = RedisArgument("buyer-0")
        let key = RedisArgument(SaleKeys(Self.sale).buyers)
        let win = try under.redis.command(["HGET", key, buyer]).string ?? ""
        try under.redis.command(["HSET", key, buyer, RedisArgument("x" + win)])
        try under.redis.fence(Self.sale)
        #expect(fenced(" 1\n"))
        try under.redis.command(["HSET", key, buyer, RedisArgument(win)])
        #expect(fenced(" 0\n"))
        #expect(try under.redis.control(Self.sale, .close) == nil)
        #expect(under.drained(Self.sale))
        #expect(try under.salectl(["archive", "demo"]).code == 0)
        #expect(eventually { (try? get(under.opsSocket, "/metrics").body.contains("sale_fenced{")) == false })
    }

    @Test func `show what is paused, before the opening as well, until the sale has ended`() throws {
        let under = try working()
        let later = UnixMilliseconds(UnixMilliseconds.now.value + 3_600_000)
        let sale = try TestSale.create(
            under.redis, "later", opensAt: later, admission: .init(rate: 50, turnWindowMilliseconds: 60_000))
        func shows(_ text: String, _ isShown: Bool = true) -> Bool {
            eventually { (try? get(under.opsSocket, "/metrics").body.contains("\nsale_\(text)")) == isShown }
        }
        #expect(shows("paused{sale=\"later\"} 0\n") && shows("admission_paused{sale=\"later\"} 0\n"))
        #expect(try under.redis.control(sale, .pause) == nil)
        #expect(shows("paused{sale=\"later\"} 1\n") && shows("admission_paused{sale=\"later\"} 0\n"))
        #expect(try under.redis.control(sale, .resume) == nil)
        #expect(try under.redis.admit(sale, .pause) == nil)
        #expect(shows("paused{sale=\"later\"} 0\n") && shows("admission_paused{sale=\"later\"} 1\n"))
        #expect(try under.redis.control(sale, .close) == nil)
        #expect(shows("paused{sale=\"later\"}", false) && shows("admission_paused{sale=\"later\"}", false))
    }

    /// Such a sale is not read, so only the list of sales leads to it; its stamp is still the right one.
    @Test func `show that a sale sells nothing which lacks a part and contradicts SQLite`() throws {
        let under = try working()
        let (buyer, key) = (RedisArgument("buyer-0"), RedisArgument(SaleKeys(Self.sale).buyers))
        let win = try under.redis.command(["HGET", key, buyer]).string ?? ""
        try under.redis.command(["HSET", key, buyer, RedisArgument("x" + win)])
        try under.redis.command(["DEL", RedisArgument(SaleKeys(Self.sale).orders)])
        #expect(
            eventually {
                (try? get(under.opsSocket, "/metrics").body.contains("\nsale_fenced{sale=\"demo\"} 1\n")) == true
            })
        #expect(try under.redis.servingRunID(of: Self.sale) == under.redis.facts.runID)
    }

    @Test func `report that nothing is stored while Redis is away, and that it is again`() throws {
        let under = try working()
        under.server.crash()
        #expect(eventually { (try? get(under.opsSocket, "/readyz"))?.status == 503 })
        // Reading what is stored still works.
        #expect(try get(under.ledgerSocket, "/v1/sales/demo/ledger/head").status == 200)
        try under.server.restart()
        #expect(eventually { (try? get(under.opsSocket, "/readyz"))?.status == 200 })
    }
}

@Suite struct `The window of attempts` {
    @Test func `allows ten failures in any minute, and returns when the next may be`() {
        var window = AttemptWindow()
        let start = Instant(nanoseconds: 1_000_000_000)
        for index in 0..<10 { #expect(window.fail(now: start.advanced(milliseconds: index * 1000)) == nil) }
        #expect(window.fail(now: start.advanced(milliseconds: 10_000)) == 50)
        #expect(window.fail(now: start.advanced(milliseconds: 59_500)) == 1)
        // The first one is a minute ago.
        #expect(window.fail(now: start.advanced(milliseconds: 60_000)) == nil)
        #expect(window.fail(now: start.advanced(milliseconds: 60_000)) == 1)
    }
}

@Suite struct `An operation for a running worker` {
    @Test func `is sent to it by salectl, and done between two batches`() throws {
        let under = try WorkerUnderTest()
        let sale = try TestSale.create(under.redis, stock: 10)
        let path = under.server.directory.path("ops.token")
        try String(repeating: "t", count: 43).write(toFile: path, atomically: true, encoding: .utf8)
        try under.start(["SALE_OPS_TOKEN_FILE": path])
        let id = try under.add(sale, ["v", "1", "kind", "unheard-of"])
        #expect(eventually { (try? under.deadLetters(sale).count) == 1 })
        let client = try UnixHTTPClient(under.opsSocket)
        let bearer = [("Authorization", "Bearer \(String(repeating: "t", count: 43))")]
        let listed = try client.ask("GET", "/v1/sales/demo/dead-letters", headers: bearer)
        let letters = listed.json["letters"] as? [[String: Any]]
        #expect(letters?.map { $0["letter"] as? String } == [id])
        let settings = ["SALE_OPS_LISTEN": "unix:\(under.opsSocket)", "SALE_OPS_TOKEN_FILE": path]
        let again = try under.salectl(["dlq", "redrive", "demo", id, "--reason", "once more"], settings)
        #expect(again.code == ExitCode.negative, "\(again.output)\(again.errors)")
        let gone = try under.salectl(["dlq", "discard", "demo", id, "--reason", "rubbish"], settings)
        #expect(gone.code == 0, "\(gone.output)\(gone.errors)")
        #expect(try SQLiteShell.run(under.database, "SELECT resolution FROM dead_letters") == ["discarded"])
        let early = try under.salectl(["erase", "demo", "buyer-1", "--reason", "asked"], settings)
        #expect(early.code == ExitCode.unavailable)
        #expect(early.errors.contains("has not ended"))
        let unlet = try under.salectl(["dlq", "redrive", "demo", id, "--reason", "x"])
        #expect(unlet.code == ExitCode.config, "\(unlet.errors)")
    }

    @Test(arguments: [["SALE_REDIS_REPLICAS": "two"], ["SALE_REDIS_URL": "nowhere"]])
    func `is not sent to it with a wrong setting`(_ wrong: [String: String]) throws {
        let under = try WorkerUnderTest()
        let sale = try TestSale.create(under.redis, stock: 10)
        let path = under.server.directory.path("ops.token")
        try String(repeating: "t", count: 43).write(toFile: path, atomically: true, encoding: .utf8)
        try under.start(["SALE_OPS_TOKEN_FILE": path])
        try under.sell(sale, to: 0..<1)
        #expect(try under.redis.control(sale, .close) == nil)
        #expect(under.drained(sale))
        let settings = ["SALE_OPS_LISTEN": "unix:\(under.opsSocket)", "SALE_OPS_TOKEN_FILE": path]
        let line = ["erase", "demo", "buyer-0", "--reason", "asked"]
        let refused = try under.salectl(line, settings.merging(wrong) { $1 })
        #expect(refused.code == ExitCode.config, "\(refused.errors)")
        #expect(try under.stored(sale)?.orders.map(\.buyer) == ["buyer-0"])
        let done = try under.salectl(line, settings)
        #expect(done.code == 0, "\(done.errors)")
    }
}
