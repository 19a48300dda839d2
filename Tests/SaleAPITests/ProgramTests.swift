import Foundation
import Shared
import TestSupport
import Testing

/// The program as an operator sees it.
@Suite struct `sale-api` {
    private let program = ChildProcess.product("sale-api")

    @Test func `tells since when it runs, and what it has used`() throws {
        let before = Double(UnixMilliseconds.now.value) / 1000
        let api = try APIUnderTest()
        func figure(_ name: String) throws -> Double {
            try #require(try api.ask("GET", "/metrics").sample(name))
        }
        let start = try figure("process_start_time_seconds")
        // The kernel counts in hundredths of a second.
        #expect((before - 0.02...Double(UnixMilliseconds.now.value) / 1000).contains(start))
        #expect(try figure("process_cpu_seconds_total") > 0)
        #expect(try figure("process_resident_memory_bytes") > 1_000_000)
        #expect(try figure("sale_log_lines_dropped_total") == 0)
        #expect(try figure("process_start_time_seconds") == start)
    }

    @Test func `logs at the start which variables nobody reads`() throws {
        let api = try APIUnderTest(["SALE_RATE_LIMITS": "5/10s", "SALE_LISTENER": "unix:/x", "SALE_HEALTH_PORT": "1"])
        let line = #""event":"settings_unread","variables":["SALE_LISTENER","SALE_RATE_LIMITS"]}"#
        #expect(eventually { api.process.errors.contains(line) }, "\(api.process.errors)")
        #expect(try APIUnderTest().process.errors.contains("settings_unread") == false)
    }

    @Test func `serves /livez, /readyz and /metrics`() throws {
        let api = try APIUnderTest()
        let live = try api.ask("GET", "/livez")
        #expect(live.status == 200)
        #expect(live.body == "{\"status\":\"live\"}")
        let ready = try api.ask("GET", "/readyz")
        #expect(ready.status == 200)
        #expect(ready.body == "{\"status\":\"ready\",\"durability\":\"strict\"}")
        let metrics = try api.ask("GET", "/metrics")
        #expect(metrics.status == 200)
        #expect(metrics["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8")
        for line in metrics.body.split(separator: "\n") where !line.hasPrefix("#") {
            #expect(line.split(separator: " ").count == 2 && Double(line.split(separator: " ")[1]) != nil, "\(line)")
        }
        #expect(metrics.body.contains("\nsale_redis_ready 1\n"))
    }

    @Test func `logs JSON lines, and in them no token, key or buyer`() throws {
        let api = try APIUnderTest()
        try TestSale.create(try api.redis.connect())
        #expect(try api.buy("demo", "a-secret-buyer", "a-secret-key").status == 201)
        #expect(eventually { api.process.errors.contains("\"event\":\"win\"") })
        let log = api.process.errors
        for line in log.split(separator: "\n") {
            let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            #expect(object?["program"] as? String == "sale-api", "\(line)")
        }
        #expect(log.contains("\"order\":\"demo-1\""))
        #expect(!log.contains("secret"))
    }

    @Test func `changes its keys on SIGHUP, and keeps them where the file is not whole`() throws {
        let api = try APIUnderTest()
        try TestSale.create(try api.redis.connect(), maxPerBuyer: 99)
        let newKey = (id: "k2", secret: Crypto.randomBytes(32))
        var newMint = TokenMint(
            keys: try KeySet.json([newKey]).withBytes { try KeySet(json: $0) })
        let now = UnixMilliseconds.now.value / 1000
        let newToken = newMint.token(subject: "b1", issuedAt: now, expiresAt: now + 3600)
        var reloads = 0

        func reload(_ content: String, _ event: String) throws {
            try content.write(toFile: api.keyFile, atomically: true, encoding: .utf8)
            api.process.signal(SIGHUP)
            reloads += 1
            let seen = eventually {
                api.process.errors.components(separatedBy: "\"event\":\"keys_").count == reloads + 1
            }
            #expect(seen)
            #expect(
                api.process.errors.split(separator: "\n").last { $0.contains("\"event\":\"keys_") }?.contains(event)
                    == true)
        }
        func statuses() throws -> [Int] {
            try [api.token("b1"), newToken].map {
                try api.ask("GET", "/v1/sales/demo/purchases", [("Authorization", "Bearer \($0)")]).status
            }
        }

        #expect(try statuses() == [200, 401])
        let both = KeySet.json([("k1", APIUnderTest.secret), newKey])
        try reload(both, "keys_reloaded")
        #expect(try statuses() == [200, 200])
        try reload(String(both.prefix(both.utf8.count / 2)), "keys_kept")
        #expect(try statuses() == [200, 200])
        try reload("", "keys_kept")
        #expect(try statuses() == [200, 200])
        try reload(KeySet.json([newKey]), "keys_reloaded")
        #expect(try statuses() == [401, 200])
    }

    @Test func `drops no request and no connection when keys rotate`() throws {
        let api = try APIUnderTest(["SALE_DEADLINE_MS": "20000"])
        try TestSale.create(try api.redis.connect())
        let idle = try api.connect()
        #expect(try idle.ask("GET", "/livez").status == 200)
        let buying = try api.pausingRedis { try api.startBuying("demo", "b1", "k1") }
        #expect(try eventually { try api.metric("sale_batches_total") == 1 })
        // The buyer's key is gone before the answer is sent.
        try KeySet.json([("k2", Crypto.randomBytes(32))])
            .write(toFile: api.keyFile, atomically: true, encoding: .utf8)
        api.process.signal(SIGHUP)
        #expect(eventually { api.process.errors.contains("\"keys_reloaded\"") })
        api.redis.resume()
        // 200 on a slow machine: after a second Redis counts as lost, and is asked again.
        #expect(try [200, 201].contains(buying.answer().status))
        #expect(try idle.ask("GET", "/livez").status == 200)
        #expect(try buying.ask("GET", "/v1/sales/demo/purchases", headers: [api.bearer("b1")]).status == 401)
    }

    @Test func `checks the audience and issuer if they are set`() throws {
        let api = try APIUnderTest(["SALE_JWT_AUDIENCE": "shop"])
        let answer = try api.ask("GET", "/v1/sales/demo/purchases", [api.bearer("b1")])
        #expect(answer.status == 401)
    }

    @Test func `on SIGTERM answers in-flight and new requests with Connection: close, then exits with 0`() throws {
        let api = try APIUnderTest(["SALE_DEADLINE_MS": "20000"])
        try TestSale.create(try api.redis.connect())
        let idle = try api.connect()
        #expect(try idle.ask("GET", "/livez").status == 200)
        let buying = try api.pausingRedis { try api.startBuying("demo", "b1", "k1") }
        #expect(try eventually { try api.metric("sale_batches_total") == 1 })
        api.process.signal(SIGTERM)
        #expect(eventually { api.process.errors.contains("\"event\":\"stopping\"") })
        let late = try idle.ask("GET", "/readyz")
        #expect(late.status == 503)
        #expect(late["Connection"] == "close")
        #expect(idle.isClosed())
        api.redis.resume()
        let answer = try buying.answer()
        // 200 on a slow machine: after a second Redis counts as lost, and is asked again.
        #expect([200, 201].contains(answer.status))
        #expect(answer["Connection"] == "close")
        #expect(buying.isClosed())
        #expect(api.process.wait() == 0)
        #expect(api.process.errors.contains("\"event\":\"stop\""))
        #expect(!FileManager.default.fileExists(atPath: api.socket))
    }

    @Test func `on a second SIGTERM finishes in-flight requests only`() throws {
        let api = try APIUnderTest(["SALE_DRAIN_MS": "600000"])
        let idle = try api.connect()
        #expect(try idle.ask("GET", "/livez").status == 200)
        api.process.signal(SIGTERM)
        #expect(eventually { api.process.errors.contains("\"event\":\"stopping\"") })
        api.process.signal(SIGTERM)
        #expect(idle.isClosed())
        #expect(api.process.wait() == 0)
    }

    @Test func `on SIGTERM waits for a silent Redis no longer than the deadline`() throws {
        let api = try APIUnderTest(["SALE_DEADLINE_MS": "300"])
        try TestSale.create(try api.redis.connect())
        let buying = try api.pausingRedis { try api.startBuying("demo", "b1", "k1") }
        #expect(try eventually { try api.metric("sale_batches_total") == 1 })
        api.process.signal(SIGTERM)
        #expect(try buying.answer().status == 202)
        #expect(api.process.wait() == 0)
        api.redis.resume()
    }

    @Test(arguments: [
        ("SALE_JWT_JWKS_FILE", ""), ("SALE_JWT_JWKS_FILE", "/nowhere/jwks.json"), ("SALE_REDIS_URL", "http://x"),
        ("SALE_REDIS_URL", "redis://api@127.0.0.1"),
        ("SALE_RECEIPT_KEY_FILE", "/nowhere/receipt.pem"), ("SALE_RECEIPT_KEY_FILE", "/dev/null"),
        ("SALE_REDIS_PASSWORD_FILE", "/nowhere/password"), ("SALE_DURABILITY", "maybe"), ("SALE_LISTEN", "8101"),
        ("SALE_DEADLINE_MS", "0"), ("SALE_DEADLINE_MS", "soon"), ("SALE_MAX_CONNECTIONS", "0"), ("SALE_BATCH_MAX", "0"),
        ("SALE_BATCH_MAX", "1001"), ("SALE_LOG_LEVEL", "loud"),
    ])
    func `exits with 78 and one sentence that names a wrong setting`(_ name: String, _ value: String) throws {
        let directory = try TemporaryDirectory()
        let keys = directory.path("jwks.json")
        try KeySet.json([("k1", Crypto.randomBytes(32))]).write(toFile: keys, atomically: true, encoding: .utf8)
        let environment = ["SALE_JWT_JWKS_FILE": keys, "SALE_LISTEN": "unix:\(directory.path("api.sock"))"]
        let result = try ChildProcess.run(program, [], environment: environment.merging([name: value]) { $1 })
        #expect(result.code == 78)
        #expect(result.output.isEmpty)
        #expect(result.errors.hasPrefix("sale-api: \(name) "), "\(result.errors)")
        #expect(result.errors.split(separator: "\n").count == 1)
    }

    @Test func `exits with 73 and the address if it can't listen`() throws {
        let directory = try TemporaryDirectory()
        let keys = directory.path("jwks.json")
        try KeySet.json([("k1", Crypto.randomBytes(32))]).write(toFile: keys, atomically: true, encoding: .utf8)
        let result = try ChildProcess.run(
            program, [], environment: ["SALE_JWT_JWKS_FILE": keys, "SALE_LISTEN": "unix:/nowhere/api.sock"])
        #expect(result.code == 73)
        #expect(result.errors.hasPrefix("sale-api: SALE_LISTEN: bind to unix:/nowhere/api.sock: "))
    }

    @Test func `has --help and --version, and rejects other arguments`() throws {
        let help = try ChildProcess.run(program, ["--help"])
        #expect(help.code == 0)
        #expect(help.errors.isEmpty)
        for name in [
            "SALE_REDIS_URL", "SALE_REDIS_PASSWORD_FILE", "SALE_DURABILITY", "SALE_LISTEN", "SALE_JWT_JWKS_FILE",
            "SALE_JWT_AUDIENCE", "SALE_JWT_ISSUER", "SALE_RECEIPT_KEY_FILE", "SALE_DEADLINE_MS", "SALE_MAX_CONNECTIONS",
            "SALE_BATCH_MAX",
            "SALE_LOG_LEVEL",
        ] { #expect(help.output.contains("  \(name)  (")) }
        let version = try ChildProcess.run(program, ["--version"])
        #expect(version.code == 0)
        #expect(version.output == "sale-api \(Release.version)\n")
        let wrong = try ChildProcess.run(program, ["--verbose"])
        #expect(wrong.code == 64)
        #expect(wrong.errors == "sale-api: unknown argument --verbose; see sale-api --help\n")
    }
}
