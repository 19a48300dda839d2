import Foundation
import LuaScripts
import OrderStore
import RedisClient
import Shared
import TestSupport
import Testing

@Suite struct `Archiving a sale` {
    private static let sale = SaleID("demo")!

    /// A sale that has ended, with four of ten sold and stored.
    private func ended(redisSettings: [String] = []) throws -> WorkerUnderTest {
        let under = try WorkerUnderTest(redisSettings: redisSettings)
        try TestSale.create(under.redis, stock: 10)
        try under.sell(Self.sale, to: 0..<4)
        try under.start()
        #expect(try under.redis.control(Self.sale, .close) == nil)
        #expect(under.drained(Self.sale))
        return under
    }

    /// All keys, without the worker's own.
    private func keys(_ under: WorkerUnderTest) throws -> Set<String> {
        let reply = try under.server.connect().command(["KEYS", "*"])
        return Set(reply.strings).subtracting([SaleKeys.workerLease])
    }

    @Test func `gives its reasons to a program, too`() throws {
        let under = try ended()
        let other = try TestSale.create(under.redis, "other")
        #expect(under.drained(other))
        for line in [["archive", "other", "--dry-run", "--json"], ["archive", "other", "--json"]] {
            let refused = try under.salectl(line)
            #expect(refused.code == ExitCode.negative)
            #expect(
                refused.output
                    == #"{"can_be_archived":false,"reasons":["it has not ended: `salectl close other` ends it"]}"#
                    + "\n")
        }
        let dry = try under.salectl(["archive", "demo", "--dry-run", "--json"])
        #expect(
            dry.output.wholeMatch(of: #/{"can_be_archived":true,"reasons":\[\],"bytes_freed":[0-9]+}\n/#) != nil,
            "\(dry.output)")
    }

    @Test func `frees Redis and leaves everything in SQLite, and nothing brings it back`() throws {
        let under = try ended()
        let other = try TestSale.create(under.redis, "other")
        let dry = try under.salectl(["archive", "demo", "--dry-run"])
        #expect(dry.output.contains("can be archived"), "\(dry.errors)")
        let done = try under.salectl(["archive", "demo"])
        #expect(done.code == 0, "\(done.errors)")
        #expect(done.output.hasPrefix("demo is archived: 4 orders in SQLite"))
        #expect(try under.redis.sales() == [other])
        #expect(try keys(under).filter { $0.contains("{demo}") }.isEmpty)
        #expect(try under.stored(Self.sale)?.orders.count == 4)
        try under.sell(other, to: 0..<1)
        #expect(under.drained(other))
        #expect(under.worker?.errors.contains("NOGROUP") == false, "that its stream is gone is no failure")
        #expect(
            try SQLiteShell.run(under.database, "SELECT entry FROM ledger ORDER BY seq DESC LIMIT 1")[0]
                .contains(#""kind":"archive""#))
        // Neither another run, the worker, its restart nor a rebuild brings it back. Its name stays taken, even without
        // SQLite.
        #expect(try under.salectl(["archive", "demo"]).output.hasPrefix("demo is archived: 4 orders"))
        under.worker?.stop(SIGKILL)
        #expect(try under.salectl(["rebuild", "demo"]).code == ExitCode.negative)
        #expect(try under.salectl(["rebuild", "demo", "--dry-run"]).code == ExitCode.negative)
        let reconciled = try under.salectl(["reconcile", "demo"])
        #expect(reconciled.code == 0)
        #expect(reconciled.output.contains("only SQLite has it"))
        let worker = try under.start()
        try under.sell(other, to: 0..<2)
        #expect(under.drained(other))
        #expect(!worker.errors.contains("sale_lost"))
        #expect(try keys(under).filter { $0.contains("{demo}") }.isEmpty)
        #expect(try under.salectl(["create", "demo", "--title", "T", "--stock", "1"]).code == ExitCode.cantCreate)
        #expect(
            try under.redis.create(NewSale(sale: Self.sale, title: "T", stock: 1)) == false)
        #expect(try under.salectl(["set", "demo", "--title", "T"]).errors == "salectl: set: demo is archived\n")
        // SQLite still shows and exports it.
        #expect(try under.salectl(["show", "demo"]).output.contains("archived"))
        #expect(try under.salectl(["ls"]).output.contains("demo   archived  10     4"))
        #expect(try under.salectl(["export", "demo", "--format", "jsonl"]).output.split(separator: "\n").count == 4)
    }

    @Test func `leaves no Redis that serves it`() throws {
        let under = try ended()
        #expect(try under.salectl(["archive", "demo"]).code == 0)
        #expect(try under.salectl(["show", "demo"]).output.contains(#/serving_run_id +-\n/#))
        #expect(try under.salectl(["show", "demo", "--json"]).output.contains(#""serving_run_id":null"#))
        #expect(try under.salectl(["ls", "--json"]).output.contains(#""serving_run_id":null"#))
    }

    @Test func `leaves the settings of its waiting room to be shown`() throws {
        let under = try WorkerUnderTest()
        let admission = NewSale.Admission(rate: 50, turnWindowMilliseconds: 90_000)
        try TestSale.create(under.redis, stock: 10, admission: admission)
        try under.start()
        #expect(try under.redis.control(Self.sale, .close) == nil)
        #expect(under.drained(Self.sale))
        #expect(try under.salectl(["archive", "demo"]).code == 0)
        let shown = try under.salectl(["show", "demo"]).output
        #expect(shown.contains(#/waiting_room +50/s\nturn_window +90s\n/#) && !shown.contains("joined"), "\(shown)")
        for line in [["show", "demo", "--json"], ["ls", "--json"]] {
            let json = try under.salectl(line).output
            #expect(json.contains(#""queue":{"rate":50,"paused":false,"turn_window_ms":90000,"#), "\(json)")
            #expect(json.contains(#""joined":null,"admitted_through":null,"waiting":null}"#))
        }
    }

    @Test func `leaves the same units, however many dead letters claim one position`() throws {
        let under = try ended()
        #expect(try under.salectl(["archive", "demo"]).code == 0)
        // A dead letter that contradicts order 2, and two that claim position 5.
        _ = try SQLiteShell.run(
            under.database,
            """
            INSERT INTO dead_letters (sale, stream_id, reason, message, stage, position, quantity, first_failed_at_ms,
                last_failed_at_ms, worker, release, resolution, resolved_at_ms)
            SELECT 'demo', '1-' || key, 'contradiction', 'm', 'store', value, 1, 1, 1, 'w', 'r', 'discarded', 1
            FROM json_each('[2, 5, 5]');
            """)
        let shown = try under.salectl(["show", "demo", "--json"]).output
        #expect(shown.contains(#""sold":5,"remaining":5,"#), "\(shown)")
    }

    @Test func `is done for each of two operators who ask for it at once`() throws {
        let under = try ended()
        under.worker?.stop(SIGKILL)
        let settings = ["SALE_REDIS_URL": under.server.url, "SALE_DATABASE": under.database]
        let operators = try ["a", "b"].map { name in
            let one = try ChildProcess(
                ChildProcess.product("salectl"), ["archive", "demo"], environment: settings,
                errorLog: under.server.directory.url.appendingPathComponent("operator-\(name).log"))
            #expect(eventually { one.errors.contains("waiting for the worker") })
            return one
        }
        try under.start()
        for one in operators { #expect(one.wait() == ExitCode.ok, "\(one.errors)") }
    }

    @Test func `is refused, with the reason, if something is not stored or not over`() throws {
        let under = try WorkerUnderTest()
        try TestSale.create(under.redis, stock: 10)
        #expect(try under.salectl(["archive", "demo"]).code == ExitCode.noInput)
        let worker = try under.start()
        #expect(under.drained(Self.sale))
        func reasons() throws -> String {
            let result = try under.salectl(["archive", "demo", "--for", "1s"])
            #expect(result.code == ExitCode.negative)
            return result.errors
        }
        #expect(try reasons().contains("has not ended"))
        #expect(try under.redis.control(Self.sale, .close) == nil)
        try under.add(Self.sale, ["rubbish", "1"])
        #expect(under.drained(Self.sale))
        #expect(eventually { (try? reasons().contains("1 dead letter is open")) == true })
        _ = try SQLiteShell.run(under.database, "UPDATE dead_letters SET resolution = 'discarded'")
        worker.stop(SIGKILL)
        try under.add(Self.sale, ["more", "1"])
        #expect(try reasons().contains("1 stream entry is not stored"))
        try under.redis.command(["HSET", "\(SaleKeys(Self.sale).sale)", "serving_run_id", "another"])
        #expect(try reasons().contains("it is fenced"))
        #expect(try under.redis.archiveEvent(of: Self.sale) == nil)
    }

    @Test(arguments: ["after_read", "before_commit", "after_commit", "after_acknowledge"])
    func `is finished by running it again, wherever salectl and the worker were killed`(_ step: String) throws {
        let under = try ended()
        under.worker?.stop(SIGKILL)
        // salectl is killed while it waits for a worker that does not run. Its event is on the stream.
        let waiting = try ChildProcess(
            ChildProcess.product("salectl"), ["archive", "demo"],
            environment: ["SALE_REDIS_URL": under.server.url, "SALE_DATABASE": under.database],
            errorLog: under.server.directory.url.appendingPathComponent("archive.err"))
        #expect(eventually { (try? under.redis.archiveEvent(of: Self.sale)) != nil })
        #expect(eventually { waiting.errors.contains("waiting for the worker") })
        waiting.stop(SIGKILL)
        let event = try under.redis.archiveEvent(of: Self.sale)
        #expect(try under.salectl(["restock", "demo", "1"]).code == ExitCode.cantCreate)
        #expect(try under.salectl(["release", "demo"]).errors.contains("or being archived"))
        // The worker is killed while it stores the event, so the next salectl waits again.
        let worker = try under.start(["SALE_WORKER_FAILPOINT": step])
        worker.wait()
        let early = try under.salectl(["archive", "demo", "--for", "200ms"])
        #expect(early.code == (step == "after_acknowledge" ? 0 : ExitCode.temporaryFailure), "\(early.errors)")
        #expect(early.code == 0 || early.errors.contains("has not stored it within 200 ms (is it"), "\(early.errors)")
        try under.start()
        let done = try under.salectl(["archive", "demo"])
        #expect(done.code == 0, "\(done.errors)")
        #expect(try keys(under) == [SaleKeys.archived])
        let stored = try #require(try under.stored(Self.sale))
        #expect(stored.archivedAt != nil)
        #expect(stored.orders.count == 4)
        #expect(event.map { StreamID($0) } == stored.lastStreamID)
    }

    /// Each is a command that only one step needs: the script that begins, the command after it, and the script that
    /// frees.
    @Test(arguments: [
        ("-xadd", "it may have been done; nothing is freed"), ("-memory", "begun, but MEMORY"),
        ("-unlink", "begun, but EVAL"),
    ])
    func `reports how far it came if a step fails, and is finished by running it again`(
        _ denied: String, _ said: String
    ) throws {
        let under = try ended()
        let other = try under.server.connect()
        try other.command(["ACL", "SETUSER", "default", "\(denied)"])
        let failed = try under.salectl(["archive", "demo"])
        #expect(failed.code == ExitCode.temporaryFailure)
        #expect(failed.errors.contains(said) && failed.errors.contains("run this again"), "\(failed.errors)")
        try other.command(["ACL", "SETUSER", "default", "allcommands"])
        let done = try under.salectl(["archive", "demo"])
        #expect(done.code == 0, "\(done.errors)")
        #expect(try keys(under) == [SaleKeys.archived])
    }

    @Test func `reports that it is begun, and that it is done, only if the replicas know`() throws {
        let under = try ended(redisSettings: RedisServer.followed())
        let replicas = ["SALE_REDIS_REPLICAS": "1"]
        under.worker?.stop(SIGKILL)
        let unbegun = try under.salectl(["archive", "demo"], replicas)
        #expect(unbegun.code == ExitCode.temporaryFailure)
        #expect(unbegun.errors.contains("begun, but WAIT: "), "\(unbegun.errors)")
        #expect(try under.salectl(["show", "demo"]).code == 0)

        let replica = try under.server.replica()
        func archive() throws -> ChildProcess {
            try ChildProcess(
                ChildProcess.product("salectl"), ["archive", "demo"],
                environment: replicas.merging(["SALE_REDIS_URL": under.server.url, "SALE_DATABASE": under.database]) {
                    $1
                }, errorLog: under.server.directory.url.appendingPathComponent("archive.err"))
        }
        var waiting = try archive()
        // On a slow machine the replica may be too late for the first one.
        let waits = try eventually {
            if !waiting.isRunning { waiting = try archive() }
            return waiting.errors.contains("waiting for the worker")
        }
        #expect(waits)
        replica.pause()
        try under.start()
        #expect(waiting.wait() == ExitCode.temporaryFailure)
        #expect(waiting.errors.contains("done, but WAIT: "), "\(waiting.errors)")
        #expect(try keys(under) == [SaleKeys.archived])

        let again = try under.salectl(["archive", "demo"], replicas)
        #expect(again.code == ExitCode.temporaryFailure)
        #expect(again.errors.contains("done, but WAIT: "), "\(again.errors)")
        replica.resume()
        #expect(try eventually { try under.salectl(["archive", "demo"], replicas).code == 0 })
    }

    @Test func `is not done before the replicas know, also if somebody else has freed the sale`() throws {
        let under = try ended(redisSettings: RedisServer.followed())
        let replica = try under.server.replica()
        // Just before it is freed, another salectl frees it, and the replica stops.
        let (free, socket) = (Data(Script.free.sha.utf8), under.server.socket)
        let path = under.server.directory.path("relay.sock")
        let relay = try Relay(.unix(path: path), to: .unix(path: socket)) { direction, piece in
            if direction == .toServer, Data(piece).range(of: free) != nil {
                replica.pause()
                let shell = URL(fileURLWithPath: "/usr/bin/redis-cli")
                _ = try? ChildProcess.run(shell, ["-s", socket, "DEL", SaleKeys(Self.sale).sale])
            }
            return true
        }
        try withExtendedLifetime(relay) {
            let settings = ["SALE_REDIS_URL": "unix://\(path)", "SALE_REDIS_REPLICAS": "1"]
            let early = try under.salectl(["archive", "demo"], settings)
            #expect(early.code == ExitCode.temporaryFailure)
            #expect(early.errors.contains("done, but WAIT: "), "\(early.errors)")
            replica.resume()
        }
    }

    @Test func `waits for what came after its event, and stores it`() throws {
        let under = try ended()
        under.worker?.stop(SIGKILL)
        #expect(try under.salectl(["archive", "demo", "--for", "100ms"]).code == ExitCode.temporaryFailure)
        // A clock that was set back lets a buyer in after the end.
        let key = RedisArgument(SaleKeys(Self.sale).sale)
        let closesAt = try #require(try under.redis.status(Self.sale)?.closesAt)
        try under.redis.command(["HSET", key, "closes_at", "0"])
        try under.sell(Self.sale, to: 4..<5)
        try under.redis.command(["HSET", key, "closes_at", "\(closesAt.value)"])
        try under.start()
        let done = try under.salectl(["archive", "demo"])
        #expect(done.code == 0, "\(done.errors)")
        #expect(try under.stored(Self.sale)?.orders.count == 5)
    }

    @Test(arguments: [false, true])
    func `protects a sale from a database that is older than it, also on an emptied Redis`(_ empties: Bool) throws {
        let under = try ended()
        let copy = under.server.directory.path("older.db")
        _ = try SQLiteShell.run(under.database, ".backup \(copy)")
        #expect(try under.salectl(["archive", "demo"]).code == 0)
        if empties {
            try under.redis.command(["FLUSHALL"])
            #expect(eventually { (try? under.redis.isArchived(Self.sale)) == true })
        }
        under.worker?.stop(SIGKILL)
        removeDatabase(under.database)
        try FileManager.default.copyItem(atPath: copy, toPath: under.database)
        let worker = try under.start()
        #expect(eventually { worker.errors.contains("fence_kept") }, "\(worker.errors)")
        #expect(worker.errors.contains("this database is from before that"))
        #expect(try keys(under) == [SaleKeys.archived])
        // What the runbook says for when there is no later one.
        under.worker?.stop(SIGKILL)
        _ = try SQLiteShell.run(
            under.database, "UPDATE sales SET archived_at_ms = strftime('%s') * 1000 WHERE sale = 'demo'")
        let second = try under.start()
        #expect(eventually { second.errors.contains("redis_connected") })
        usleep(300_000)
        #expect(!second.errors.contains("sale_lost"), "\(second.errors)")
        let shown = try under.salectl(["show", "demo", "--json"])
        #expect(shown.output.contains("\"state\":\"archived\""), "\(shown.output)\(shown.errors)")
        #expect(try keys(under) == [SaleKeys.archived])
    }
}
