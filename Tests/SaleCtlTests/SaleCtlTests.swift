import Foundation
import LuaScripts
import RedisClient
import Shared
import Synchronization
import TestSupport
import Testing

@testable import SaleCtl

/// salectl on a real Redis.
private final class Operator {
    let server: RedisServer
    let redis: BlockingRedis
    private let environment: [String: String]

    init(_ settings: [String] = [], replicas: Int = 0) throws {
        server = try RedisServer(settings)
        redis = try server.connect()
        environment = [
            "SALE_REDIS_REPLICAS": "\(replicas)",
            "SALE_REDIS_URL": server.url, "SALE_DATABASE": server.directory.path("sale.db"),
            "SALE_JWT_JWKS_FILE": server.directory.path("keys/jwks.json"),
            "SALE_RECEIPT_KEY_FILE": server.directory.path("keys/receipt.pem"),
        ]
    }

    func run(
        _ line: [String], _ variables: [String: String] = [:]
    ) throws -> (code: Int32, output: String, errors: String) {
        try ChildProcess.run(
            ChildProcess.product("salectl"), line, environment: environment.merging(variables) { $1 })
    }

    func json(_ line: [String], _ variables: [String: String] = [:]) throws -> [String: Any] {
        let result = try run(line + ["--json"], variables)
        return try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any] ?? [:]
    }

    /// The subjects with this verdict, in the doctor's order.
    func findings(_ verdict: String, _ variables: [String: String] = [:]) throws -> [String] {
        let findings = try json(["doctor"], variables)["findings"] as? [[String: String]] ?? []
        return findings.filter { $0["verdict"] == verdict }.compactMap { $0["subject"] }
    }
}

@Suite struct salectl {
    @Test func `creates a sale that can be bought at once`() throws {
        let operate = try Operator()
        let made = try operate.json(["create", "thursday", "--title", "The \"drop\"", "--stock", "7"])
        #expect(made["state"] as? String == "open")
        #expect(made["title"] as? String == "The \"drop\"")
        #expect(made["stock"] as? Int == 7)
        let reply = try TestSale.purchase(operate.redis, SaleID("thursday")!, [.init(buyer: "a", key: "k")])
        #expect(reply.codes == "S")
        let shown = try operate.json(["show", "thursday"])
        #expect(shown["sold"] as? Int == 1)
        #expect(shown["remaining"] as? Int == 6)
    }

    @Test func `counts opening and closing times from Redis' clock`() throws {
        let operate = try Operator()
        let inAYear = UnixMilliseconds(UnixMilliseconds.now.value + 365 * 86_400_000)
        let made = try operate.json([
            "create", "later", "--title", "T", "--stock", "1", "--opens-at", "+1h", "--closes-at",
            inAYear.rfc3339.replacing("Z", with: "+01:00"),
        ])
        #expect(made["state"] as? String == "scheduled")
        #expect(made["closes_at"] as? String == UnixMilliseconds(inAYear.value - 3_600_000).rfc3339)
    }

    @Test func `refuses a second sale of the same name`() throws {
        let operate = try Operator()
        #expect(try operate.run(["create", "x", "--title", "T", "--stock", "1"]).code == 0)
        let again = try operate.run(["create", "x", "--title", "T", "--stock", "1"])
        #expect(again.code == ExitCode.cantCreate)
        #expect(again.errors.contains("on Redis already"))
    }

    @Test func `ends quietly when its reader is gone, and reports when it can't print`() throws {
        let operate = try Operator()
        try TestSale.create(operate.redis)
        let salectl = ChildProcess.product("salectl").path
        let shell = URL(fileURLWithPath: "/bin/bash")
        let environment = ["SALE_REDIS_URL": operate.server.url]
        let piped = try ChildProcess.run(
            shell, ["-c", "\(salectl) watch demo --every 10ms | head -n 2"], environment: environment)
        #expect(piped.output.split(separator: "\n").count == 2)
        let full = try ChildProcess.run(shell, ["-c", "\(salectl) ls > /dev/full"], environment: environment)
        #expect(full.code == ExitCode.io)
    }

    @Test(arguments: [
        "salectl --help", "salectl --version", "salectl create --help", "salectl create --version", "sale-api --help",
        "sale-api --version", "sale-worker --help", "sale-worker --version", "stampede --help", "stampede --version",
    ])
    func `and every other program report when they can't print`(_ line: String) throws {
        let directory = ChildProcess.product("salectl").deletingLastPathComponent().path
        let full = try ChildProcess.run(
            URL(fileURLWithPath: "/bin/bash"), ["-c", "\(directory)/\(line) > /dev/full"])
        #expect(full.code == ExitCode.io)
        let program = line.prefix { $0 != " " }
        #expect(full.errors == "\(program): the output can't be written: No space left on device\n")
    }

    @Test(arguments: [["--version"], ["create", "--version"], ["keys", "init", "/nowhere", "--version"]])
    func `prints its version, whatever the command`(_ line: [String]) throws {
        let result = try Operator().run(line)
        #expect(result.code == 0)
        #expect(result.output == "salectl \(Release.version)\n")
    }

    @Test func `pauses, resumes and closes a sale`() throws {
        let operate = try Operator()
        let sale = try TestSale.create(operate.redis)
        func codes() throws -> String {
            try TestSale.purchase(operate.redis, sale, [.init(buyer: Crypto.randomHex(4), key: "k")]).codes
        }
        #expect(try operate.run(["pause", "demo"]).output == "demo is paused\n")
        #expect(try codes() == "P")
        #expect(try operate.run(["resume", "demo"]).output == "demo is open\n")
        #expect(try codes() == "S")
        #expect(try operate.run(["close", "demo"]).output == "demo is ended\n")
        #expect(try codes() == "E")
    }

    @Test func `creates a sale with a waiting room, and changes its rate while buyers wait`() throws {
        let operate = try Operator()
        let made = try operate.json([
            "create", "demo", "--title", "T", "--stock", "5", "--opens-at", "+1h", "--admit", "2000/s",
            "--turn-window", "90s",
        ])
        let room = try #require(made["queue"] as? [String: Any])
        #expect(room["rate"] as? Int == 2000)
        #expect(room["turn_window_ms"] as? Int == 90_000)
        let sale = SaleID("demo")!
        _ = try TestSale.join(operate.redis, sale, ["a", "b", "c"])
        #expect(try operate.run(["admit", "demo", "500/s"]).output == "demo admits 500/s, 3 are waiting\n")
        #expect(
            try operate.run(["admit", "demo", "pause"]).output == "demo admits 500/s when resumed, 3 are waiting\n")
        #expect((try operate.json(["show", "demo"])["queue"] as? [String: Any])?["paused"] as? Bool == true)
        #expect(try operate.run(["admit", "demo", "resume"]).code == 0)
        let shown = try operate.run(["show", "demo"]).output
        #expect(shown.contains("waiting_room      500/s\n"))
        #expect(shown.contains("joined            3\n"))
        #expect(
            try operate.run(["watch", "demo", "--every", "10ms", "--for", "10ms"]).output.contains("waiting 3  500/s"))
        // The schedule moves with the opening.
        #expect(try operate.run(["set", "demo", "--opens-at", "+2h"]).code == 0)
        let queue = try #require(try operate.redis.queue(sale))
        #expect(queue.room.schedule.last.from.value > queue.readAt.value + 7_000_000)
    }

    @Test(arguments: [
        (["admit", "demo", "fast"], ExitCode.usage, "is no rate"),
        (["admit", "demo", "0/s"], ExitCode.usage, "is no rate"),
        (["admit", "demo", "100"], ExitCode.usage, "is no rate"),
        (["admit", "demo", "5/s"], ExitCode.cantCreate, "has no waiting room"),
        (["admit", "ghost", "5/s"], ExitCode.noInput, "no sale ghost"),
        (["create", "x", "--title", "T", "--stock", "1", "--turn-window", "1m"], ExitCode.usage, "--admit"),
        (
            ["create", "x", "--title", "T", "--stock", "1", "--admit", "5/s", "--turn-window", "9s"], ExitCode.usage,
            "from 10s"
        ),
    ])
    func `refuses an admission that is not possible`(_ line: [String], _ code: Int32, _ message: String) throws {
        let operate = try Operator()
        try TestSale.create(operate.redis)
        let result = try operate.run(line)
        #expect(result.code == code)
        #expect(result.errors.contains(message), "\(result.errors)")
    }

    /// Each change succeeds, and then Redis refuses what follows: WAIT, or reading the sale's dead letters.
    @Test(
        arguments: [
            ["restock", "demo", "5"], ["set", "demo", "--title", "U"], ["pause", "demo"], ["admit", "demo", "500/s"],
            ["create", "new", "--title", "T", "--stock", "5"],
        ], ["wait", "xlen"])
    func `says that a change is done if only a later step fails`(_ line: [String], _ lost: String) throws {
        let operate = try Operator(replicas: lost == "wait" ? 1 : 0)
        let admission = NewSale.Admission(rate: 100, turnWindowMilliseconds: 60_000)
        #expect(try operate.redis.create(NewSale(sale: SaleID("demo")!, title: "T", stock: 5, admission: admission)))
        try operate.redis.command(["ACL", "SETUSER", "default", "-\(lost)"])
        let result = try operate.run(line + ["--json"])
        #expect(result.code == ExitCode.temporaryFailure)
        #expect(result.errors.contains("done, but"), "\(result.errors)")
    }

    @Test(arguments: [
        (["restock", "demo", "5"], Script.restock), (["set", "demo", "--title", "U"], .set),
        (["pause", "demo"], .control), (["close", "demo"], .control), (["admit", "demo", "500/s"], .admit),
        (["create", "new", "--title", "T", "--stock", "5"], .create), (["release", "demo"], .release),
    ])
    func `says that a change may be done if its reply is lost`(_ line: [String], _ script: Script) throws {
        let operate = try Operator()
        let admission = NewSale.Admission(rate: 100, turnWindowMilliseconds: 60_000)
        #expect(try operate.redis.create(NewSale(sale: SaleID("demo")!, title: "T", stock: 5, admission: admission)))
        try operate.redis.command(["SCRIPT", "LOAD", RedisArgument(script.source)])
        let call = Data(script.sha.utf8)
        let path = operate.server.directory.path("relay.sock")
        let isCalled = Mutex(false)
        let relay = try Relay(.unix(path: path), to: .unix(path: operate.server.socket)) { direction, piece in
            isCalled.withLock {
                if direction == .toServer, Data(piece).range(of: call) != nil { $0 = true }
                return !$0 || direction == .toServer
            }
        }
        try withExtendedLifetime(relay) {
            let result = try operate.run(line, ["SALE_REDIS_URL": "unix://\(path)"])
            #expect(result.code == ExitCode.temporaryFailure)
            #expect(result.errors.contains("it may have been done"), "\(result.errors)")
        }
    }

    @Test func `lists and watches sales`() throws {
        let operate = try Operator()
        try TestSale.create(operate.redis, "a")
        try TestSale.create(operate.redis, "b")
        let list = try operate.json(["ls"])
        #expect((list["sales"] as? [[String: Any]])?.compactMap { $0["sale"] as? String } == ["a", "b"])
        // Long enough for two reads even on a busy machine.
        let watched = try operate.run(["watch", "a", "--every", "10ms", "--for", "2s", "--json"])
        #expect(watched.code == 0)
        #expect(watched.output.split(separator: "\n").count >= 2)
    }

    @Test func `lists all other sales if Redis has lost one, in part or whole`() throws {
        let operate = try Operator()
        for sale in ["a", "b", "c"] { try TestSale.create(operate.redis, sale) }
        try operate.redis.command(["DEL", "\(SaleKeys(SaleID("b")!).stock)"])
        try operate.redis.command(["DEL", "\(SaleKeys(SaleID("c")!).sale)"])
        let list = try operate.run(["ls"])
        #expect(list.code == ExitCode.negative)
        #expect(list.output.split(separator: "\n").map { $0.prefix(4) } == ["SALE", "a   "])
        #expect(
            list.errors == """
                salectl: b can't be shown: stock of the sale is missing from Redis
                salectl: c can't be shown: Redis has no sale c

                """)
        let json = try operate.json(["ls"])
        #expect((json["sales"] as? [[String: Any]])?.compactMap { $0["sale"] as? String } == ["a"])
        #expect((json["unreadable"] as? [[String: String]])?.compactMap { $0["sale"] } == ["b", "c"])
    }

    @Test func `names the log, among several, that shows an inversion`() throws {
        let directory = try TemporaryDirectory()
        func write(_ name: String, _ buyer: String, _ invoked: Int, _ position: Int) throws -> String {
            let path = directory.path(name)
            try """
            {"inv_ns":\(invoked),"resp_ns":\(invoked + 1),"buyer":"\(buyer)","key":"k-\(buyer)","status":201,\
            "problem":null,"position":\(position)}

            """.write(toFile: path, atomically: true, encoding: .utf8)
            return path
        }
        let logs = [try write("one.jsonl", "a", 0, 2), try write("two.jsonl", "b", 5, 1)]
        let salectl = ChildProcess.product("salectl")
        let result = try ChildProcess.run(salectl, ["fairness"] + logs)
        #expect(result.code == ExitCode.negative)
        #expect(result.output.hasSuffix("  position 1, asked for when 2 was known (line 1 of \(logs[1]))\n"))
        let json = try ChildProcess.run(salectl, ["fairness", "--json"] + logs)
        #expect(json.output.contains(#""inversions":[{"log":"\#(logs[1])","line":1,"position":1,"answered":2}]"#))
    }

    @Test func `continues to watch after Redis has been away`() throws {
        let operate = try Operator()
        try TestSale.create(operate.redis, "a")
        let directory = try TemporaryDirectory()
        let output = directory.url.appendingPathComponent("out")
        _ = FileManager.default.createFile(atPath: output.path, contents: nil)
        let watch = try ChildProcess(
            ChildProcess.product("salectl"), ["watch", "a", "--every", "10ms", "--json"],
            environment: ["SALE_REDIS_URL": operate.server.url], errorLog: directory.url.appendingPathComponent("err"),
            output: FileHandle(forWritingTo: output))
        func lines() throws -> Int { try String(contentsOf: output, encoding: .utf8).split(separator: "\n").count }
        #expect(try eventually { try lines() > 1 })
        operate.server.crash()
        #expect(eventually { watch.errors.contains("trying again") })
        let before = try lines()
        try operate.server.restart()
        #expect(try eventually { try lines() > before + 1 })
        #expect(watch.errors.split(separator: "\n").count == 1)
        watch.signal(SIGKILL)
        _ = watch.wait()
    }

    @Test func `makes keys once, for their owner only, and signs tokens that verify`() throws {
        let operate = try Operator()
        let directory = operate.server.directory.path("keys")
        #expect(try operate.run(["keys", "init", directory]).code == 0)
        for name in ["jwks.json", "receipt.pem", "ops.token"] {
            let attributes = try FileManager.default.attributesOfItem(atPath: "\(directory)/\(name)")
            #expect(attributes[.posixPermissions] as? Int == 0o600)
        }
        let token = try String(contentsOfFile: "\(directory)/ops.token", encoding: .utf8)
        #expect(token.wholeMatch(of: /[A-Za-z0-9_-]{43}\n/) != nil)
        let before = try Data(contentsOf: URL(fileURLWithPath: "\(directory)/jwks.json"))
        let again = try operate.run(["keys", "init", directory])
        #expect(again.code == ExitCode.cantCreate)
        #expect(try Data(contentsOf: URL(fileURLWithPath: "\(directory)/jwks.json")) == before)

        let signed = try operate.run(["token", "--subject", "s", "--count", "3", "--ttl", "5m"])
        let tokens = signed.output.split(separator: "\n")
        #expect(tokens.count == 3)
        let keys = try KeySet(json: Array(before).span)
        let verifier = TokenVerifier(keys: keys)
        let now = UnixMilliseconds.now.value / 1000
        for (index, token) in tokens.enumerated() {
            let token = ByteBuffer(text: String(token))
            #expect(try verifier.withSubject(of: token.bytes, nowSeconds: now) { $0.string } == "s\(index + 1)")
            #expect(throws: JWTRefusal.expired) {
                try verifier.withSubject(of: token.bytes, nowSeconds: now + 340) { _ in }
            }
        }
    }

    @Test func `rotates the key of receipts, and old receipts still verify`() throws {
        let operate = try Operator()
        let directory = operate.server.directory.path("keys")
        let file = "\(directory)/receipt.pem"
        #expect(try operate.run(["keys", "init", directory]).code == 0)
        func keys() throws -> ReceiptKeys {
            try String(contentsOfFile: file, encoding: .utf8).withBytes { try ReceiptKeys(pem: $0) }
        }
        let first = try keys()
        let receipt = Receipt(
            order: OrderID(sale: SaleID("demo")!, position: 1), uuid: Crypto.uuid(), epoch: 1, quantity: 1,
            buyer: String(repeating: "0", count: 32), securedAt: .now)
        var signed = ByteBuffer()
        first.signer.append(receipt, to: &signed)
        chmod(file, 0o640)
        for rotation in 1...2 {
            let result = try operate.run(["keys", "rotate-receipt", directory])
            #expect(result.code == 0, "\(result.errors)")
            let now = try keys()
            #expect(result.output.hasPrefix("signs    \(now.published[0].keyID)\nretired  \(rotation)\n"))
            #expect(now.published.last?.keyID == first.published[0].keyID)
            var set = ByteBuffer()
            set.append(jwks: now)
            #expect(try ReceiptVerifier(jwks: set.bytes).receipt(signed.bytes) == receipt)
        }
        let attributes = try FileManager.default.attributesOfItem(atPath: file)
        #expect(attributes[.posixPermissions] as? Int == 0o640)
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory).count == 3)
    }

    @Test func `rotates nothing if it could lose a key`() throws {
        let operate = try Operator()
        let directory = operate.server.directory.path("keys")
        let file = "\(directory)/receipt.pem"
        #expect(try operate.run(["keys", "init", directory]).code == 0)
        let whole = try String(contentsOfFile: file, encoding: .utf8)
        let half = String(whole.dropLast(10))
        try half.write(toFile: file, atomically: true, encoding: .utf8)
        #expect(try operate.run(["keys", "rotate-receipt", directory]).code == ExitCode.data)
        #expect(try String(contentsOfFile: file, encoding: .utf8) == half)
        try whole.write(toFile: file, atomically: true, encoding: .utf8)
        try "".write(toFile: "\(file).new", atomically: true, encoding: .utf8)
        let result = try operate.run(["keys", "rotate-receipt", directory])
        #expect(result.code == ExitCode.cantCreate)
        #expect(result.errors.contains("\(file).new"))
        #expect(try String(contentsOfFile: file, encoding: .utf8) == whole)
    }

    @Test func `the doctor finds a healthy system healthy`() throws {
        let operate = try Operator()
        _ = try operate.run(["keys", "init", operate.server.directory.path("keys")])
        try TestSale.create(operate.redis)
        let report = try operate.run(["doctor"])
        #expect(report.code == 0, "\(report.output)")
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
        let environment = ["SALE_OPS_TOKEN_FILE": token, "SALE_REDIS_PASSWORD_FILE": password]
        #expect(try operate.run(["doctor"], environment).code == 0)
        chmod(token, 0o640)
        chmod(password, 0o604)
        let bad = try operate.findings("bad", environment)
        #expect(bad == ["operator token's permissions", "Redis password's permissions"])
        try "short".write(toFile: token, atomically: true, encoding: .utf8)
        chmod(token, 0o600)
        #expect(try operate.findings("bad", environment) == ["operator token", "Redis password's permissions"])
    }

    @Test func `reconcile says that a sale which was never stored is not in SQLite`() throws {
        let operate = try Operator()
        try TestSale.create(operate.redis)
        let result = try operate.run(["reconcile", "demo"])
        #expect(result.code == 1)
        #expect(result.output.contains("Redis has this sale, SQLite has not"))
    }

    @Test(arguments: [
        (["frobnicate"], ExitCode.usage), ([String](), ExitCode.usage), (["create", "x"], ExitCode.usage),
        (["create", "X", "--title", "T", "--stock", "1"], ExitCode.usage),
        (["create", "x", "--title", "T", "--stock", "0"], ExitCode.usage),
        (["create", "x", "--title", "T", "--stock", "1", "--opens-at", "soon"], ExitCode.usage),
        (["create", "x", "--title", "T", "--stock", "1", "--closes-at", "2001-01-01T00:00:00Z"], ExitCode.usage),
        (["create", "x", "--title", "T", "--stock", "1", "--opens-at", "3026-01-01T00:00:00Z"], ExitCode.usage),
        (["show", "ghost"], ExitCode.noInput), (["pause", "ghost"], ExitCode.noInput),
        (["reconcile", "ghost"], ExitCode.noInput), (["show", "a", "b"], ExitCode.usage),
        (["restock", "x", "-9223372036854775808"], ExitCode.usage),
        (["restock", "x", "9223372036854775807"], ExitCode.usage),
        (["watch", "x", "--every", "1200000h"], ExitCode.usage), (["watch", "x", "--for", "8761h"], ExitCode.usage),
        (["token", "--subject", "a b"], ExitCode.usage), (["token", "--subject", "a"], ExitCode.config),
        (["--help"], ExitCode.ok), (["--version"], ExitCode.ok), (["create", "--help"], ExitCode.ok),
        (["keys", "init", "--help"], ExitCode.ok), (["keys", "rotate-receipt", "--help"], ExitCode.ok),
        (["keys", "rotate-receipt"], ExitCode.usage), (["keys", "rotate-receipt", "/nowhere"], ExitCode.noInput),
    ])
    func `ends with the exit code that a script can rely on`(_ line: [String], _ code: Int32) throws {
        let result = try Operator().run(line)
        #expect(result.code == code, "\(result.errors)")
        if code == 0 { #expect(!result.output.isEmpty) } else { #expect(!result.errors.isEmpty) }
    }

    @Test func `has help for itself and each of its commands, in lines that fit a terminal`() throws {
        let operate = try Operator()
        let help = try operate.run(["--help"]).output
        let commands = help.matches(of: #/(?m)^  ([a-z]+(?: [a-z-]+)?)  /#)
            .map { $0.output.1.split(separator: " ").map(String.init) }
        #expect(commands.count > 25)
        for command in commands + [[]] {
            let text = try operate.run(command + ["--help"]).output
            let long = text.split(separator: "\n").filter { $0.count > 120 }
            #expect(long == [], "\(command)")
        }
    }

    @Test func `has the same exit codes in its help and in docs/operations.md`() throws {
        let page = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../docs/operations.md")
        let section = try String(contentsOf: page, encoding: .utf8).components(separatedBy: "## Exit codes").last ?? ""
        let documented = section.matches(of: #/(?m)^\| (\d+) \|/#).map(\.output.1)
        let help = try Operator().run(["--help"]).output.components(separatedBy: "Exit codes: ").last ?? ""
        #expect(documented.count == 12)
        #expect(help.matches(of: #/(?:^|;)\s+(\d+) |^(\d+) /#).compactMap { $0.output.1 ?? $0.output.2 } == documented)
    }

    @Test func `names the lock that it can't take`() throws {
        let operate = try Operator()
        let lock = operate.server.directory.path("sale.db.lock")
        _ = FileManager.default.createFile(atPath: operate.server.directory.path("sale.db"), contents: nil)
        try FileManager.default.createDirectory(atPath: lock, withIntermediateDirectories: false)
        let result = try operate.run(["rebuild", "demo"])
        #expect(result.code == ExitCode.cantCreate)
        #expect(result.errors.contains("\(lock) can't be locked"), "\(result.errors)")
    }

    @Test func `names the Redis that it can't reach`() throws {
        let operate = try Operator()
        operate.server.crash()
        let result = try operate.run(["ls"])
        #expect(result.code == ExitCode.unavailable)
        #expect(result.errors.contains(operate.server.socket))
    }
}

extension ByteBuffer {
    fileprivate init(text: String) {
        self.init(capacity: text.utf8.count)
        append(text)
    }
}
