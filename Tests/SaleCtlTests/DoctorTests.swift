import Foundation
import RedisClient
import Shared
import TestSupport
import Testing

extension salectl {
    @Test func `the doctor finds a healthy system healthy`() throws {
        let operate = try Operator()
        _ = try operate.run(["keys", "init", operate.server.directory.path("keys")])
        try TestSale.create(operate.redis)
        let report = try operate.run(["doctor"])
        #expect(report.code == 0, "\(report.output)")
    }

    @Test func `the doctor warns of each variable that no program reads`() throws {
        let operate = try Operator()
        let misspelt = ["SALE_REDIS_URLS": "redis://127.0.0.1", "SALE_OPS": "x", "SALE_HEALTH_PORT": "1"]
        let findings = try operate.json(["doctor"], misspelt)["findings"] as? [[String: String]] ?? []
        let warnings = findings.filter { $0["subject"] == "setting" && $0["verdict"] == "warn" }
        #expect(
            warnings.map { $0["detail"] } == [
                "no program reads SALE_OPS: is it misspelt?", "no program reads SALE_REDIS_URLS: is it misspelt?",
            ])
    }

    @Test func `the doctor warns of a Redis that may rewrite its file in the middle of a sale`() throws {
        let operate = try Operator(["--auto-aof-rewrite-percentage", "100"])
        _ = try operate.run(["keys", "init", operate.server.directory.path("keys")])
        try TestSale.create(operate.redis)
        let report = try operate.json(["doctor"])
        #expect(report["healthy"] as? Bool == true)
        let warning = (report["findings"] as? [[String: String]] ?? []).first { $0["subject"] == "redis file" }
        #expect(warning?["verdict"] == "warn")
        #expect(warning?["detail"]?.contains("auto-aof-rewrite-percentage is 100") == true)
    }

    @Test func `the doctor warns of whatever is paused, before it opens as well, until the sale has ended`() throws {
        let operate = try Operator()
        _ = try operate.run(["keys", "init", operate.server.directory.path("keys")])
        let later = UnixMilliseconds(UnixMilliseconds.now.value + 3_600_000)
        let sale = try TestSale.create(
            operate.redis, opensAt: later, admission: .init(rate: 50, turnWindowMilliseconds: 60_000))
        func warned() throws -> [String] { try operate.findings("warn").filter { $0.hasSuffix(" demo") } }
        #expect(try warned().isEmpty)
        #expect(try operate.redis.control(sale, .pause) == nil)
        #expect(try warned() == ["sale demo"])
        #expect(try operate.redis.admit(sale, .pause) == nil)
        #expect(try warned() == ["sale demo", "waiting room demo"])
        #expect(try operate.run(["doctor"]).code == 0)
        #expect(try operate.redis.control(sale, .close) == nil)
        #expect(try warned().isEmpty)
    }

    @Test func `the doctor says that nobody can join a waiting room`() throws {
        let operate = try Operator()
        _ = try operate.run(["keys", "init", operate.server.directory.path("keys")])
        let sale = try TestSale.create(operate.redis, admission: .init(rate: 50, turnWindowMilliseconds: 5000))
        let joined = RedisArgument(SaleKeys(sale).joined)
        _ = try TestSale.join(operate.redis, sale, ["a"])
        #expect(try operate.findings("bad").isEmpty)
        try operate.redis.command(["DEL", joined])
        #expect(try operate.findings("bad") == ["waiting room demo"])
    }

    @Test func `the doctor examines each replica as the primary that it may become`() throws {
        let confirming = ["--min-replicas-to-write", "1", "--repl-diskless-sync-delay", "0"]
        let operate = try Operator(RedisServer.followed() + confirming, replicas: 1)
        _ = try operate.run(["keys", "init", operate.server.directory.path("keys")])
        let first = try operate.server.replica(RedisServer.followed() + confirming)
        #expect(try operate.findings("warn").filter { $0.hasPrefix("replica") } == ["replicas"], "one is just enough")
        let second = try operate.server.replica(RedisServer.followed() + confirming)
        #expect(try operate.findings("ok").filter { $0.hasPrefix("replica") }.first == "replicas")
        #expect(try operate.run(["doctor"]).code == 0)

        try first.connect().command(["CONFIG", "SET", "appendfsync", "everysec"])
        try second.connect().command(["CONFIG", "SET", "auto-aof-rewrite-percentage", "100"])
        #expect(try operate.findings("bad") == ["replica 127.0.0.1:\(first.port) durability"])
        #expect(try operate.findings("warn").contains("replica 127.0.0.1:\(second.port) file"))

        first.pause()
        #expect(try operate.findings("bad") == ["replica 127.0.0.1:\(first.port)"])
        first.resume()
    }

    @Test func `the doctor asks each Sentinel, and warns of one that does not answer`() throws {
        let operate = try Operator()
        let fleet = try RedisFleet()
        fleet.crashSentinel(1)
        let environment = ["SALE_REDIS_URL": fleet.url, "SALE_REDIS_REPLICAS": "1"]
        let report = try operate.run(["doctor", "--json"], environment)
        let findings =
            try JSONSerialization.jsonObject(with: Data(report.output.utf8)) as? [String: Any] ?? [:]
        let verdicts = (findings["findings"] as? [[String: String]] ?? []).filter {
            $0["subject"]?.hasPrefix("sentinel ") == true
        }
        #expect(verdicts.map { $0["verdict"] } == ["ok", "warn", "ok"], "\(report)")
        #expect(verdicts.first?["detail"]?.hasPrefix("names 127.0.0.1:\(fleet.servers[0].port), of epoch ") == true)
    }

    @Test func `the doctor finds too few replicas to confirm an order`() throws {
        let operate = try Operator(["--min-replicas-to-write", "1"], replicas: 1)
        _ = try operate.run(["keys", "init", operate.server.directory.path("keys")])
        #expect(try operate.findings("bad") == ["replicas"])
    }

    @Test func `the doctor names what is wrong`() throws {
        let operate = try Operator(["--appendfsync", "everysec"])
        _ = try operate.run(["keys", "init", operate.server.directory.path("keys")])
        chmod(operate.server.directory.path("keys/jwks.json"), 0o644)
        chmod(operate.server.directory.path("keys/receipt.pem"), 0o640)
        let sale = try TestSale.create(operate.redis)
        try operate.redis.command(["HSET", "\(SaleKeys(sale).sale)", "serving_run_id", "an earlier life"])
        #expect(try operate.json(["doctor"])["healthy"] as? Bool == false)
        #expect(
            try operate.findings("bad") == [
                "redis durability", "sale demo", "keys' permissions", "receipt keys' permissions",
            ])
    }

    @Test func `the doctor wants every file with a secret to be its owner's only`() throws {
        let operate = try Operator()
        let directory = operate.server.directory.path("keys")
        _ = try operate.run(["keys", "init", directory])
        let (token, password) = ("\(directory)/ops.token", "\(directory)/redis.password")
        try "secret".write(toFile: password, atomically: true, encoding: .utf8)
        chmod(password, 0o600)
        try operate.redis.command(["CONFIG", "SET", "requirepass", "secret"])
        let environment = [
            "SALE_OPS_TOKEN_FILE": token, "SALE_REDIS_PASSWORD_FILE": password,
            "SALE_OPS_LISTEN": "unix:\(directory)/no.worker",
        ]
        #expect(try operate.findings("bad", environment) == ["worker"])
        chmod(token, 0o640)
        chmod(password, 0o604)
        let bad = try operate.findings("bad", environment)
        #expect(bad == ["operator token's permissions", "Redis password's permissions", "worker"])
        try "short".write(toFile: token, atomically: true, encoding: .utf8)
        chmod(token, 0o600)
        #expect(
            try operate.findings("bad", environment) == ["operator token", "Redis password's permissions", "worker"])
    }
}
