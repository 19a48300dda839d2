import Foundation
import RedisClient
import Shared
import TestSupport
import Testing

@Suite struct `The users of Redis` {
    private static let accessList = Ingress.repository.appendingPathComponent("deploy/redis/users.acl")

    /// A server with the users of the delivered file.
    private func server() throws -> RedisServer {
        try RedisServer(RedisServer.followed(), users: String(contentsOf: Self.accessList, encoding: .utf8))
    }
    private func system(_ server: RedisServer) throws -> SaleSystem {
        let system = try SaleSystem(apis: 0, redis: server)
        try system.logInAll()
        return system
    }

    @Test func `are each allowed what their program does`() throws {
        let server = try server()
        let system = try system(server)
        let made = try system.salectl(["create", "demo", "--title", "T", "--stock", "50"])
        #expect(made.code == 0, "\(made.errors)")
        try system.startAPI(0)
        try system.startWorker()
        let run = try system.stampede(SaleID("demo")!, ["--buyers", "200", "--connections", "8"])
        #expect(run.report["secured"] == 50)
        #expect(run.report["errors"] == 0)
        #expect(run.report["lost"] == 0)
        #expect(system.drained(SaleID("demo")!))
        for command in [
            ["restock", "demo", "5"], ["set", "demo", "--title", "Another"],
            ["create", "room", "--title", "T", "--stock", "5", "--admit", "1000/s"], ["admit", "room", "5/s"],
            ["admit", "room", "pause"], ["show", "room"],
            ["pause", "demo"], ["resume", "demo"], ["show", "demo"], ["ls"], ["reconcile", "demo"],
            ["release", "demo"],
            ["close", "demo"],
        ] {
            let result = try system.salectl(command)
            #expect(result.code == 0, "\(command): \(result.errors)")
        }
        // A waiting room, and the requests of its buyers.
        try TestSale.create(try server.connect(), "wait", stock: 5, admission: .init(rate: 1000))
        let queued = try system.stampede(SaleID("wait")!, ["--queue", "--buyers", "20", "--connections", "4"])
        #expect(queued.report["secured"] == 5)
        #expect(queued.report["errors"] == 0)
        #expect(queued.report["lost"] == 0)
        #expect(try system.ask("GET", "/v1/sales/wait/queue").status == 200)
        // What the worker does only if something is wrong: dead letters, and a Redis that has lost its buyers.
        let redis = try server.connect()
        try redis.command(["XADD", "sale:{demo}:orders", "*", "rubbish", "1"])
        #expect(eventually { (try? redis.command(["XLEN", "sale:{demo}:dlq"]).integer) == 1 })
        try redis.command(["HSET", "sale:{demo}", "serving_run_id", "an earlier life"])
        try redis.command(["DEL", "sale:{demo}:buyers"])
        try redis.command(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"])
        #expect(eventually { system.worker?.errors.contains("fence_lifted") == true }, "\(system.worker?.errors ?? "")")
        // What salectl does in place of the worker.
        system.worker?.stop()
        let random = try server.connect().command(["HRANDFIELD", "sale:{demo}:buyers"])
        let buyer = random.string ?? ""
        for command in [
            ["dlq", "discard", "demo", "--all", "--reason", "r"], ["erase", "demo", buyer, "--reason", "r"],
            ["reconcile", "demo"],
        ] {
            let result = try system.salectl(command)
            #expect(result.code == 0, "\(command): \(result.errors)\(result.output)")
        }
    }

    @Test func `can write the append-only file from which a restart recovers every order`() throws {
        let server = try server()
        let system = try system(server)
        let sale = try TestSale.create(server.connect(), stock: 50)
        try system.startAPI(0)
        let run = try system.stampede(sale, ["--buyers", "200", "--connections", "8", "--retry-share", "0.1"])
        #expect(run.report["secured"] == 50)
        #expect(run.report["lost"] == 0)
        // No worker has run: only Redis has these orders.
        server.crash()
        try server.restart()
        try system.startWorker()
        #expect(system.drained(sale))
        #expect(try system.query("SELECT count(*) FROM orders") == ["50"])
        #expect(system.worker?.errors.contains("redis_completed") == false)
        #expect(try system.complaint(sale, run, stock: 50, met: "replayed") == nil)
    }

    @Test(arguments: ["user default off", "user default off ~sale:* +xadd"])
    func `are not sold with where a restart would drop what was sold, or a part of it`(_ user: String) throws {
        let users = try String(contentsOf: Self.accessList, encoding: .utf8)
            .replacingOccurrences(of: "user default off ~* &* +@all", with: user)
        let server = try RedisServer(RedisServer.followed(), users: users)
        let system = try system(server)
        try system.startAPI(0, says: "redis_down")
        let ready = try system.ask("GET", "/readyz")
        #expect(ready.status == 503)
        #expect(ready.body.contains("ACL DRYRUN default HSET"), "\(ready.body)")
        let doctor = try system.salectl(["doctor"])
        #expect(doctor.code != 0)
        #expect(doctor.output.contains("ACL DRYRUN default HSET"), "\(doctor.output)")
    }

    @Test(
        arguments: ["worker", "operator"],
        ["XACK k g 1-0", "XDEL k 1-0", "HDEL k f", "XRANGE k - +", "XREVRANGE k + -", "EXISTS k", "HSET k f v"])
    func `who perform operations are allowed to`(_ user: String, _ command: String) throws {
        let server = try server()
        let redis = try server.connect()
        let words = command.split(separator: " ").map { $0 == "k" ? "sale:{demo}:orders" : RedisArgument(String($0)) }
        let reply = try redis.command(["ACL", "DRYRUN", "\(user)"] + words)
        #expect(reply.string == "OK")
    }

    /// The redis-cli commands in the documentation, in blocks and in prose, each with its user.
    private static func documentedCommands() throws -> [(user: String, words: [String])] {
        let documents = Ingress.repository.appendingPathComponent("docs")
        return try ["operations.md", "runbook.md"].flatMap { name in
            try String(contentsOf: documents.appendingPathComponent(name), encoding: .utf8)
                .matches(of: /redis-cli ([^`#|\n]+)/)
                .compactMap { match in
                    var words = match.output.1.split(separator: " ").map { $0.trimmingCharacters(in: ["'"]) }
                    var user = "operator"
                    if words.first == "--user" {
                        user = words[1]
                        words.removeFirst(2)
                    }
                    words.removeAll { $0 == "--askpass" }
                    // Options are those of commands for Sentinels; prose is no command.
                    guard let first = words.first, first.allSatisfy(\.isUppercase) else { return nil }
                    return (user, words)
                }
        }
    }

    @Test func `may run every command in the documentation`() throws {
        let server = try server()
        let redis = try server.connect()
        let commands = try Self.documentedCommands()
        #expect(commands.count > 25)
        for (user, words) in commands {
            let reply = try redis.command(["ACL", "DRYRUN"] + ([user] + words).map { RedisArgument($0) })
            #expect(reply.string == "OK", "\(user): \(words)")
        }
    }

    @Test func `may archive a sale completely, and no program brings it back`() throws {
        let server = try server()
        let system = try system(server)
        let sale = SaleID("demo")!
        #expect(try system.salectl(["create", "demo", "--title", "T", "--stock", "5"]).code == 0)
        try system.startAPI(0)
        try system.startWorker()
        _ = try system.stampede(sale, ["--buyers", "20", "--connections", "4"])
        #expect(try system.salectl(["close", "demo"]).code == 0)
        try system.awaitRest(sale)
        let done = try system.salectl(["archive", "demo"])
        #expect(done.code == 0, "\(done.errors)")
        // The API process, which knew the sale, forgets it within a second, instead of calling it unavailable.
        let path = "/v1/sales/demo"
        #expect(eventually { (try? system.ask("GET", path))?.status == 404 })
        usleep(1_200_000)
        let keys = try server.connect().command(["KEYS", "*"])
        #expect(Set(keys.strings) == [SaleKeys.archived, SaleKeys.workerLease])
    }

    @Test(
        arguments: ["api", "worker", "operator"],
        [
            "FLUSHALL", "KEYS *", "SCAN 0", "CONFIG SET save x", "DEBUG SLEEP 0", "SHUTDOWN", "SCRIPT FLUSH", "MONITOR",
            "GET other:key",
        ])
    func `are refused what would harm`(_ user: String, _ command: String) throws {
        let server = try server()
        let redis = try server.connect()
        let words = command.split(separator: " ").map { RedisArgument(String($0)) }
        let reply = try redis.command(["ACL", "DRYRUN", "\(user)"] + words)
        #expect(reply.string?.contains("no permissions") == true, "\(reply.string ?? "")")
    }

    private static let keys = SaleKeys(SaleID("demo")!)
    /// The commands that write in the scripts of the API, and the keys that each writes.
    private static let written: [String: Set<String>] = [
        "XADD k * f v": [keys.orders], "DECRBY k 1": [keys.stock], "INCRBY k 1": [keys.position],
        "SET k 1": [keys.joined], "HSET k f v": [keys.sale, keys.buyers, keys.tickets, keys.witnesses],
    ]

    @Test(arguments: written.keys.sorted())
    func `let the API write with each command only what its scripts do`(_ command: String) throws {
        let server = try server()
        let redis = try server.connect()
        let allowed = try (Self.keys.all + [SaleKeys.sales, SaleKeys.archived, SaleKeys.workerLease]).filter { key in
            let words = command.split(separator: " ").map { RedisArgument($0 == "k" ? key : String($0)) }
            let reply = try redis.command(["ACL", "DRYRUN", "api"] + words)
            return reply.string == "OK"
        }
        #expect(Set(allowed) == Self.written[command])
    }
}

@Suite struct `The delivered Sentinels` {
    /// The redis-cli commands for Sentinels in the documentation.
    private static func documentedCommands() throws -> Set<[String]> {
        let documents = Ingress.repository.appendingPathComponent("docs")
        let commands = try ["installation.md", "operations.md", "runbook.md"].flatMap { name in
            try String(contentsOf: documents.appendingPathComponent(name), encoding: .utf8)
                .matches(of: /redis-cli -p 26379 ([^`#|\n]+)/)
                .map { $0.output.1.split(separator: " ").map(String.init) }
        }
        return Set(commands)
    }

    @Test func `answer everybody what the programs and operators ask, and obey nobody without their password`() throws {
        let fleet = try RedisFleet.delivered()
        let system = try SaleSystem(apis: 0, fleet: fleet)
        try system.logInAll()
        let doctor = try system.salectl(["doctor"])
        let named = doctor.output.matches(of: /ok +sentinel .* names 127\.0\.0\.1:/)
        #expect(named.count == 3, "\(doctor)")
        let commands = try Self.documentedCommands()
        #expect(commands.count > 1)
        for words in commands { #expect(try !fleet.askSentinel(0, words).hasPrefix("NOPERM"), "\(words)") }

        // What would lead every program, with its password, to a server of somebody else's.
        let identity = String(repeating: "a", count: 40)
        for words in [
            ["PUBLISH", "__sentinel__:hello", "127.0.0.1,1,\(identity),9,sale,127.0.0.1,2,9"],
            ["SENTINEL", "MONITOR", "other", "127.0.0.1", "2", "1"], ["SENTINEL", "REMOVE", "sale"],
            ["SENTINEL", "SET", "sale", "quorum", "1"], ["SENTINEL", "RESET", "*"],
            ["SENTINEL", "CONFIG", "GET", "sentinel-pass"], ["SENTINEL", "CONFIG", "SET", "announce-ip", "127.0.0.2"],
            ["SENTINEL", "IS-MASTER-DOWN-BY-ADDR", "127.0.0.1", "1", "9", identity],
            ["SENTINEL", "SIMULATE-FAILURE", "crash-after-election"], ["SENTINEL", "DEBUG"],
            ["ACL", "SETUSER", "default", "+@all"], ["ACL", "LIST"], ["CLIENT", "KILL", "TYPE", "normal"], ["SHUTDOWN"],
        ] {
            let answer = try fleet.askSentinel(1, words)
            #expect(answer.hasPrefix("NOPERM"), "\(words): \(answer)")
        }
    }
}
