import Foundation
import RedisClient
import Shared
import TestSupport
import Testing

/// A real Prometheus with the delivered configuration, except for its targets.
private final class Prometheus {
    private let process: ChildProcess
    private let port = RedisServer.freePort()
    private let directory: TemporaryDirectory

    init(api: UInt16, worker: UInt16) throws {
        directory = try TemporaryDirectory()
        let delivered = Ingress.repository.appendingPathComponent("deploy/prometheus")
        try FileManager.default.copyItem(
            at: delivered.appendingPathComponent("rules"), to: directory.url.appendingPathComponent("rules"))
        try String(contentsOf: delivered.appendingPathComponent("prometheus.yml"), encoding: .utf8)
            .replacingOccurrences(of: "\"127.0.0.1:8101\", \"127.0.0.1:8102\"", with: "\"127.0.0.1:\(api)\"")
            .replacingOccurrences(of: "127.0.0.1:8201", with: "127.0.0.1:\(worker)")
            .replacingOccurrences(of: "scrape_interval: 5s", with: "scrape_interval: 1s")
            .replacingOccurrences(of: "scrape_timeout: 4s", with: "scrape_timeout: 1s")
            .write(toFile: directory.path("prometheus.yml"), atomically: true, encoding: .utf8)
        process = try ChildProcess(
            URL(fileURLWithPath: "/usr/bin/prometheus"),
            [
                "--config.file", directory.path("prometheus.yml"), "--storage.tsdb.path", directory.path("data"),
                "--web.listen-address", "127.0.0.1:\(port)",
            ], errorLog: directory.url.appendingPathComponent("log"))
    }

    /// The value of an expression; nil if it has none yet.
    func value(_ expression: String) -> Double? {
        let answer = try? ChildProcess.run(
            URL(fileURLWithPath: "/usr/bin/curl"),
            ["-sG", "http://127.0.0.1:\(port)/api/v1/query", "--data-urlencode", "query=\(expression)"])
        let json = (answer?.output).flatMap { try? JSONSerialization.jsonObject(with: Data($0.utf8)) }
        let data = (json as? [String: Any])?["data"] as? [String: Any]
        guard let result = data?["result"] as? [[String: Any]], result.count == 1 else { return nil }
        return ((result[0]["value"] as? [Any])?.last as? String).flatMap { Double($0) }
    }

    var errors: String { process.errors }
}

@Suite struct `An operator who watches a sale` {
    @Test func `sees in a real Prometheus what the programs count`() throws {
        let (api, ops) = (RedisServer.freePort(), RedisServer.freePort())
        let system = try SaleSystem(apis: 0)
        try system.startAPI(0, variables: ["SALE_LISTEN": "127.0.0.1:\(api)"])
        let sale = try TestSale.create(system.connect(), stock: 50)
        try system.startWorker(["SALE_OPS_LISTEN": "127.0.0.1:\(ops)"])
        let prometheus = try Prometheus(api: api, worker: ops)
        _ = try system.stampede(
            sale, ["--buyers", "80", "--connections", "8"], through: "http://127.0.0.1:\(api)")
        #expect(system.drained(sale))
        for (expression, value) in [
            ("up{job=\"sale-api\"}", 1.0), ("up{job=\"sale-worker\"}", 1), ("sale_redis_ready", 1),
            ("sale_decisions_total{outcome=\"secured\"}", 50),
            ("sum(sale_decisions_total)", 80), ("sale_decision_seconds_count", 80),
            ("sale_worker_ready", 1), ("sale_units_sold{sale=\"demo\"}", 50), ("sale_units_stock{sale=\"demo\"}", 50),
            ("sale_ledger_entries{sale=\"demo\"}", 51), ("sale_dead_letters_open{sale=\"demo\"}", 0),
            ("sale_units_withheld{sale=\"demo\"}", 0),
            ("sale_worker_stream_entries_open{sale=\"demo\"}", 0),
            ("sale_worker_oldest_open_seconds{sale=\"demo\"}", 0), ("sale_oversells_prevented_total", 0),
            ("count(sale_redis_round_trip_seconds_count > 0)", 1), ("count(sale_batch_purchases_sum > 0)", 1),
            ("count(sale_build_info{version=\"\(Release.version)\"})", 2),
        ] {
            let seen = eventually { prometheus.value(expression) == value }
            #expect(seen, "\(expression) is \(prometheus.value(expression) ?? .nan), not \(value)")
        }
        // The recording rules work on it, too.
        #expect(eventually { prometheus.value("sale:decision_seconds:p95") != nil }, "\(prometheus.errors)")
        for port in [api, ops] {
            let check = try ChildProcess.run(
                URL(fileURLWithPath: "/bin/bash"),
                ["-o", "pipefail", "-c", "curl -sf http://127.0.0.1:\(port)/metrics | promtool check metrics"])
            #expect(check.code == 0, "\(check.errors)")
        }
    }

    /// promtool's tests bring their own series: an alert about a misspelt one would pass them, and never fire.
    @Test func `is warned by rules about metrics that the programs have`() throws {
        let system = try SaleSystem(apis: 1)
        _ = try TestSale.create(system.connect(), stock: 1)
        try system.startWorker()
        let ops = system.directory.path("ops.sock")
        func metrics() -> String {
            [try? system.ask("GET", "/metrics").body, try? UnixHTTPClient(ops).ask("GET", "/metrics").body]
                .compactMap { $0 }.joined(separator: "\n")
        }
        #expect(eventually { metrics().contains("\nsale_worker_oldest_open_seconds{sale=\"demo\"}") }, "\(metrics())")
        let lines = metrics().split(separator: "\n")
        let rules = try ["alerts", "recording"].map {
            let file = Ingress.repository.appendingPathComponent("deploy/prometheus/rules/\($0).yml")
            return try String(contentsOf: file, encoding: .utf8).replacing(#/- name: .*/#, with: "")
        }.joined()
        // With the first label that must have a certain value.
        let series = Set(rules.matches(of: #/\b(?:sale|process)_[a-z_]+(?:\{[a-z]+="[^"]*")?/#).map(\.output))
        #expect(series.count > 20)
        for one in series {
            let exists = lines.contains { $0.hasPrefix(one) && "{ ,}".contains($0.dropFirst(one.count).first ?? "_") }
            #expect(exists, "\(one)")
        }
    }

    @Test func `sees an oversold order that SQLite's guard refused, and how long entries have waited`()
        throws
    {
        let system = try SaleSystem(apis: 0)
        let redis = try system.connect()
        let sale = try TestSale.create(redis, stock: 1)
        let run = try TestSale.purchase(redis, sale, [.init(buyer: "b1", key: "k1")])
        #expect(run.codes == "S")
        // A second order for the only unit, which no script of ours would write.
        let first = try #require(TestSale.orderEvents(redis, sale).first)
        let forged = first.merging(["position": "2", "order": "demo-2", "buyer": "b2", "key": "k2"]) { $1 }
        try redis.command(["SET", "\(SaleKeys(sale).position)", "2"])
        try redis.command(
            ["XADD", "\(SaleKeys(sale).orders)", "*"]
                + forged.flatMap { ["\($0.key)", "\($0.value)"] })
        try system.startWorker()
        func metrics() -> String {
            (try? UnixHTTPClient(system.directory.path("ops.sock")).ask("GET", "/metrics").body) ?? ""
        }
        #expect(
            eventually { metrics().contains("\nsale_oversells_prevented_total 1\n") }, "\(system.worker?.errors ?? "")")
        // An entry that can't be stored while SQLite is locked is shown as waiting.
        let lock = try SQLiteLock(system.database)
        defer { lock.release() }
        try redis.command(["XADD", "\(SaleKeys(sale).orders)", "*", "rubbish", "1"])
        let waits = eventually {
            metrics().split(separator: "\n").contains {
                $0.hasPrefix("sale_worker_oldest_open_seconds{sale=\"demo\"} ") && !$0.hasSuffix(" 0.000000")
            }
        }
        #expect(waits, "\(metrics())")
    }

    @Test func `sees no false backlog after Redis lost the group's counters, as in a promotion`() throws {
        let system = try SaleSystem(apis: 1)
        let sale = try TestSale.create(system.connect(), stock: 20)
        try system.startWorker()
        let run = try system.stampede(sale, ["--buyers", "40", "--connections", "4", "--retry-share", "0.5"])
        #expect(system.drained(sale))
        system.stopWorker()
        let stream = RedisArgument(SaleKeys(sale).orders)
        try system.connect().command(
            ["XGROUP", "SETID", stream, "\(SaleKeys.group)", "$", "ENTRIESREAD", "3"])
        try system.startWorker()
        func metrics() -> String {
            (try? UnixHTTPClient(system.directory.path("ops.sock")).ask("GET", "/metrics").body) ?? ""
        }
        #expect(
            eventually { metrics().contains("\nsale_worker_stream_entries_open{sale=\"demo\"} 0\n") }, "\(metrics())")
        #expect(try system.complaint(sale, run, stock: 20, met: "replayed") == nil)
    }

    @Test
    func `follows a purchase from nginx' log to its row in SQLite, and a dead letter to its resolution`()
        throws
    {
        let system = try SaleSystem(apis: 1)
        let sale = try TestSale.create(system.connect(), stock: 5)
        try system.startWorker()
        let ingress = try system.ingress()
        try ingress.start()
        let won = try ingress.buy(sale, token: try system.tokens("b", 1)[0], key: "k")
        let trace = try #require(won["x-request-id"])
        #expect(eventually { (try? system.query("SELECT trace FROM orders")) == [trace] })
        let log = ingress.directory.path("state/sale-access.log")
        #expect(eventually { (try? String(contentsOfFile: log, encoding: .utf8))?.contains(trace) == true })
        let found = try system.salectl(["trace", trace, "--log", log, "--log", system.apis[0].errorLog.path, "--json"])
        #expect(found.code == 0, "\(found.errors)")
        let places = try Self.places(found.output)
        #expect(places == ["log \(log)", "log \(system.apis[0].errorLog.path)", "sqlite order", "redis orders"])
        #expect(found.output.contains("demo-1"))

        let poison = "0af7651916cd43dd8448eb211c80319c"
        let added = try system.connect().command([
            "XADD", "sale:{demo}:orders", "*", "v", "9", "kind", "order", "trace", "\(poison)",
        ])
        let id = added.string ?? ""
        #expect(eventually { (try? system.query("SELECT count(*) FROM dead_letters")) == ["1"] })
        #expect(eventually { system.worker?.errors.contains("\"trace\":\"\(poison)\"") == true })
        system.stopWorker()
        #expect(try system.salectl(["dlq", "discard", "demo", id, "--reason", "a test"]).code == 0)
        let followed = try system.salectl(["trace", poison, "--log", system.worker?.errorLog.path ?? "", "--json"])
        #expect(
            try Self.places(followed.output) == [
                "log \(system.worker?.errorLog.path ?? "")", "sqlite dead_letter", "sqlite audit", "redis orders",
                "redis dlq",
            ])
        #expect(followed.output.contains("a test"))
        #expect(try system.salectl(["trace", String(repeating: "f", count: 32)]).code == ExitCode.negative)
        #expect(try system.salectl(["trace", "no-trace"]).code == ExitCode.usage)
    }

    private static func places(_ output: String) throws -> [String] {
        let json = try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any]
        return (json?["found"] as? [[String: Any]])?.compactMap { $0["where"] as? String } ?? []
    }
}
