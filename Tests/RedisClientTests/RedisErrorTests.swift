import LuaScripts
import RedisClient
import Shared
import TestSupport
import Testing

@Suite struct `Errors of Redis` {
    @Test(arguments: [
        ("NOSCRIPT No matching script.", RedisError.Code.noScript), ("READONLY You can't write.", .readOnly),
        ("LOADING Redis is loading", .loading), ("MASTERDOWN Link down", .masterDown),
        ("NOREPLICAS Not enough good replicas", .noReplicas), ("OOM command not allowed", .outOfMemory),
        ("MISCONF Errors writing", .misconfigured), ("BUSY Redis is busy", .busy),
        ("NOPERM this user has no permissions", .notPermitted), ("BUSYGROUP exists", .groupExists),
        ("NOGROUP No such key", .noGroup), ("ERR max number of clients reached", .cannotConnect),
    ])
    func `a refusal before the first line means that nothing ran`(_ text: String, _ code: RedisError.Code) {
        let error = RedisError(reply: text, to: "EVALSHA")
        #expect(error.code == code)
        #expect(error.effect == .nothingRan)
    }

    @Test(arguments: [
        "ERR Error running script", "WRONGTYPE Operation against a key", "UNBLOCKED the stream key no longer exists",
    ])
    func `after any other error it is unknown what ran`(_ text: String) {
        #expect(RedisError(reply: text, to: "EVALSHA").effect == .unknown)
    }

    @Test func `a script that has failed is not run again with its text`() throws {
        let server = try RedisServer()
        let redis = try server.connect()
        try redis.command(["LPUSH", "k", "no lease"])
        let call = ScriptCall(.lease, keys: ["k"], ["database", "name", "1"])
        for _ in 0..<2 { #expect(throws: RedisError.self) { try redis.run(call) } }
        let reply = try redis.command(["INFO", "commandstats"])
        // The first time, Redis did not know it.
        #expect(reply.string?.contains("cmdstat_eval:calls=1,") == true, "\(reply.string ?? "")")
    }

    @Test func `a server that can't be reached is named`() {
        #expect {
            _ = try BlockingRedis(RedisEndpoint(url: "unix:///nowhere/redis.sock"), name: "test")
        } throws: { error in
            "\(error)".contains("/nowhere/redis.sock") && (error as? RedisError)?.code == .cannotConnect
        }
    }

    @Test func `backing off doubles to its cap and never exceeds it`() {
        var random = SeededRandom()
        var backoff = Backoff()
        var ceilings: [Int] = []
        for _ in 0..<8 {
            ceilings.append(backoff.ceilingMilliseconds)
            let wait = backoff.next(using: &random)
            #expect((1...ceilings.last!).contains(wait), "seed \(random.seed)")
        }
        #expect(ceilings == [50, 100, 200, 400, 800, 1000, 1000, 1000])
        backoff.reset()
        #expect(backoff.ceilingMilliseconds == 50)
    }

    @Test(arguments: ServerFacts.strictSettings.map(\.name) + ServerFacts.replayChecks)
    func `each setting that would lose orders is named`(_ name: String) {
        var settings = Dictionary(
            uniqueKeysWithValues: ServerFacts.strictSettings
                + [(ServerFacts.replicasSetting, "0")] + ServerFacts.replayChecks.map { ($0, "OK") })
        settings[name] = "wrong"
        let facts = ServerFacts(runID: "r", version: "7.0.15", role: "master", settings: settings)
        #expect(facts.durabilityProblems(replicas: 0).count == 1)
        #expect(facts.durabilityProblems(replicas: 0)[0].contains(name))
    }

    @Test(arguments: [("0", "0", 0), ("1", "0", 1), ("0", "1", 1)])
    func `a rewrite would lose orders too, as the file may be no good before it ends`(
        _ inProgress: String, _ scheduled: String, _ problems: Int
    ) throws {
        let info = """
            run_id:r\r\nredis_version:7.0.15\r\nrole:master\r
            aof_rewrite_in_progress:\(inProgress)\r\naof_rewrite_scheduled:\(scheduled)\r\n
            """
        let safe = Dictionary(
            uniqueKeysWithValues: ServerFacts.strictSettings
                + [(ServerFacts.replicasSetting, "0")] + ServerFacts.replayChecks.map { ($0, "OK") })
        let facts = try #require(ServerFacts(info: info, config: safe, replays: [:]))
        #expect(facts.durabilityProblems(replicas: 0).count == problems)
    }

    @Test(arguments: [("0", false), ("1", true)])
    func `a server that is still loading says so`(_ loading: String, _ isLoading: Bool) throws {
        let info = "redis_version:7.0.15\r\nrun_id:abc\r\nrole:master\r\nloading:\(loading)\r\nasync_loading:0\r\n"
        #expect(try #require(ServerFacts(info: info, config: [:], replays: [:])).isLoading == isLoading)
    }

    @Test(arguments: [
        ("0", 5 << 20, 0), ("0", 300 << 20, 1), ("100", 5 << 20, 1), ("100", 300 << 20, 2), (nil, 5 << 20, 1),
    ])
    func `advises a rewrite of a long file, and against rewrites that begin by themselves`(
        _ percentage: String?, _ appendedBytes: Int, _ count: Int
    ) throws {
        let baseBytes = 400 << 20
        let info = """
            run_id:r\r\nredis_version:7.0.15\r\nrole:master\r
            aof_current_size:\(baseBytes + appendedBytes)\r\naof_base_size:\(baseBytes)\r\n
            """
        let config = percentage.map { [ServerFacts.rewriteSetting: $0] } ?? [:]
        let facts = try #require(ServerFacts(info: info, config: config, replays: [:]))
        #expect(facts.rewriteAdvice.count == count)
    }
}
