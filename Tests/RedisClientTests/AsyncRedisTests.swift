import EventLoop
import LuaScripts
import Shared
import TestSupport
import Testing

@testable import RedisClient

/// An AsyncRedis on a loop that the test runs pass by pass.
private final class Client {
    private(set) var loop: EventLoop!
    private(set) var redis: AsyncRedis!
    private(set) var changes: [AsyncRedis.Status] = []
    /// How far the loop's clock is ahead.
    private var aheadMilliseconds = 0

    convenience init(
        _ server: RedisServer, url: String? = nil, refusal: @escaping (ServerFacts) -> String? = { _ in nil }
    ) throws {
        try self.init(url: url ?? server.url, refusal: refusal)
    }

    init(url: String, replicas: Int = 0, refusal: @escaping (ServerFacts) -> String? = { _ in nil }) throws {
        loop = try EventLoop(clock: { [unowned self] in .now.advanced(milliseconds: aheadMilliseconds) })
        redis = AsyncRedis(
            try RedisEndpoint(url: url), loop: loop, name: "client", replicas: replicas, refusal: refusal,
            changed: { [unowned self] in changes.append($0) })
        redis.connect()
    }

    /// The reasons why there was no Redis, in order.
    var reasons: [String] { changes.compactMap { if case .down(let reason) = $0 { reason } else { nil } } }

    /// Why there is no Redis; empty if there is one.
    var reason: String { if case .down(let reason) = redis.status { reason } else { "" } }

    /// Makes the loop's clock jump, as it does for a process that stands still.
    func skip(milliseconds: Int) { aheadMilliseconds += milliseconds }

    /// Runs the loop, a pass for each tenth of a second, until the clock says that this much time has passed.
    func runLoop(milliseconds: Int) throws {
        for _ in 0..<milliseconds / 100 {
            skip(milliseconds: 100)
            try loop.pass(waitMilliseconds: 0)
        }
    }

    /// Runs the loop until `condition` holds.
    func runLoop(until condition: () throws -> Bool) throws -> Bool {
        try eventually {
            try loop.pass(waitMilliseconds: 10)
            return try condition()
        }
    }

    /// Sends a command, and runs the loop until it is answered.
    func ask(_ arguments: [RedisArgument]) throws -> String? {
        var result: String??
        redis.send(arguments, "test") { answer in
            switch answer {
            case .reply(let value): result = .some(value.string ?? value.integer.map { "\($0)" })
            case .failure(let error): result = .some("\(error.code)")
            }
        }
        _ = try runLoop { result != nil }
        return result ?? nil
    }
}

@Suite struct `The asynchronous client` {
    @Test func `answers in the order of asking`() throws {
        let server = try RedisServer()
        let client = try Client(server)
        #expect(try client.runLoop { client.redis.isReady })
        var answers: [Int] = []
        for _ in 0..<500 {
            client.redis.send(["INCR", "n"], "INCR") { answer in
                if case .reply(let value) = answer { answers.append(value.integer ?? -1) }
            }
        }
        #expect(try client.runLoop { answers.count == 500 })
        #expect(answers == Array(1...500))
    }

    @Test func `what Redis has not received when a connection is given up, it never receives`() throws {
        let server = try RedisServer(RedisServer.followed())
        let client = try Client(server, url: "redis://127.0.0.1:\(server.port)")
        #expect(try client.runLoop { client.redis.isReady })
        server.pause()
        let long = RedisArgument([UInt8](repeating: UInt8(ascii: "x"), count: 1 << 20))
        // More and more, until the stopped Redis' side takes no more.
        let isHeld = try client.runLoop {
            for _ in 0..<8 where client.redis.isReady { client.redis.send(["SET", "k", long], "SET") { _ in } }
            client.redis.flush()
            return (try? unsentBytes(to: server.port)) ?? 0 > 0
        }
        #expect(isHeld && client.redis.isReady)
        try client.runLoop(milliseconds: 1200)
        #expect(client.reasons.last == "no answer within 1000 ms")
        // Until it is rid of what it has inherited, a child that is just being started holds the connection, too.
        #expect(try eventually { try unsentBytes(to: server.port) == 0 })
        server.resume()
    }

    @Test func `a script that Redis no longer knows is sent with its text`() throws {
        let server = try RedisServer()
        let client = try Client(server)
        #expect(try client.runLoop { client.redis.isReady })
        for _ in 0..<3 {
            #expect(try client.ask(["SCRIPT", "FLUSH"]) == "OK")
            var elements: Int?
            client.redis.run(.status(of: SaleID("x")!)) { answer in
                if case .reply(let value) = answer { elements = value.isArray ? value.count : -1 }
            }
            #expect(try client.runLoop { elements != nil })
            #expect(elements == 0)
        }
    }

    @Test func `comes back after a crash, and reports what was under way as unknown`() throws {
        let server = try RedisServer()
        let client = try Client(server)
        #expect(try client.runLoop { client.redis.isReady })
        let before = client.redis.runID
        var code: RedisError.Code?
        var couldSend = true
        server.pause()
        client.redis.send(["INCR", "n"], "INCR") { answer in
            if case .failure(let error) = answer { code = error.code }
            couldSend = client.redis.isReady
        }
        try client.loop.pass(waitMilliseconds: 0)
        server.crash()
        #expect(try client.runLoop { code != nil })
        #expect(code == .connectionLost)
        #expect(!couldSend && !client.redis.isReady)
        try server.restart()
        #expect(try client.runLoop { client.redis.isReady })
        #expect(client.redis.runID != before)
        #expect(try client.ask(["PING"]) == "PONG")
        #expect(client.redis.losses == 1)
    }

    @Test func `writes nothing while an answer is being handled, which could free the connection`() throws {
        let server = try RedisServer()
        let client = try Client(server)
        #expect(try client.runLoop { client.redis.isReady })
        ignoreBrokenPipes()
        var handling = false
        var endedWithin = false
        var failed = false
        client.redis.send(["PING"], "PING") { _ in
            handling = true
            server.crash()
            client.redis.send(["PING"], "PING") { answer in
                endedWithin = handling
                if case .failure = answer { failed = true }
            }
            // A write would find the socket closed, and hiredis would free the connection that is calling us.
            client.redis.flush()
            handling = false
        }
        #expect(try client.runLoop { failed })
        #expect(!endedWithin)
    }

    @Test func `gives up a Redis that has fallen silent`() throws {
        let server = try RedisServer()
        let client = try Client(server)
        #expect(try client.runLoop { client.redis.isReady })
        var failed = false
        server.pause()
        client.redis.send(["PING"], "PING") { answer in if case .failure = answer { failed = true } }
        #expect(try client.runLoop { failed })
        server.resume()
        #expect(try client.runLoop { client.redis.isReady })
    }

    @Test func `gives up a Redis that doesn't say what it is, and tries again`() throws {
        let server = try RedisServer()
        server.pause()
        let client = try Client(server)
        try client.runLoop(milliseconds: 1200)
        #expect(client.reasons.last == "no answer to the handshake within 1000 ms")
        server.resume()
        #expect(try client.runLoop { client.redis.isReady })
        #expect(client.redis.losses == 0)
    }

    @Test func `keeps a Redis that has nothing to answer`() throws {
        let server = try RedisServer()
        let client = try Client(server)
        // Again if Redis was silent for a second when it was asked for its settings, on a slow machine.
        let isKept = try eventually {
            #expect(try client.runLoop { client.redis.isReady })
            let (losses, end) = (client.redis.losses, Instant.now.advanced(milliseconds: 2500))
            while Instant.now < end { try client.loop.pass(waitMilliseconds: 10) }
            return client.redis.losses == losses
        }
        #expect(isKept)
    }

    @Test func `doesn't take its own standstill for Redis' silence`() throws {
        let server = try RedisServer()
        let client = try Client(server)
        #expect(try client.runLoop { client.redis.isReady })
        server.pause()
        var answers = 0
        client.redis.send(["PING"], "PING") { answer in if case .reply = answer { answers += 1 } }
        try client.loop.pass(waitMilliseconds: 0)
        client.skip(milliseconds: 10_000)
        // With more descriptors ready than a pass handles, Redis' answer would be read by a later one.
        try client.loop.pass(waitMilliseconds: 0)
        #expect(client.redis.isReady)
        server.resume()
        #expect(try client.runLoop { answers == 1 })
    }

    @Test func `does not use a server that is refused, and tries again until it is accepted`() throws {
        let server = try RedisServer(["--appendfsync", "everysec"])
        let client = try Client(server, refusal: { $0.durabilityProblems(replicas: 0).first })
        #expect(try client.runLoop { client.changes.count > 0 })
        guard case .down(let reason) = client.redis.status else {
            Issue.record("the server was accepted")
            return
        }
        #expect(reason.contains("appendfsync"))
        let redis = try server.connect()
        try redis.command(["CONFIG", "SET", "appendfsync", "always"])
        #expect(try client.runLoop { client.redis.isReady })
    }

    @Test func `does not use a replica`() throws {
        let server = try RedisServer()
        try server.connect().command(["REPLICAOF", "127.0.0.1", "1"])
        let client = try Client(server)
        #expect(try client.runLoop { client.changes.count > 0 })
        #expect(client.redis.status == .down("unix:\(server.socket) is a replica, not the primary"))
    }

    @Test func `is down, and has said so, before unanswered calls fail: nobody sends them again on a lost connection`()
        throws
    {
        let server = try RedisServer()
        let client = try Client(server)
        #expect(try client.runLoop { client.redis.isReady })
        server.pause()
        var told: [[AsyncRedis.Status]] = []
        for _ in 0..<3 {
            client.redis.send(["PING"], "PING") { answer in
                if case .failure(let error) = answer, error.code == .connectionLost, !client.redis.isReady {
                    told.append([client.redis.status, client.changes.last!])
                }
            }
        }
        try client.runLoop(milliseconds: 1200)
        #expect(told.count == 3)
        let silence = AsyncRedis.Status.down("no answer within 1000 ms")
        #expect(told == Array(repeating: [silence, silence], count: 3))
        #expect(client.redis.losses == 1)
        server.resume()
    }

    @Test func `asks nothing more of a connection that it has given up while too few replicas acknowledged`() throws {
        let primary = try RedisServer(RedisServer.followed())
        let replica = try primary.replica()
        replica.pause()
        try primary.connect().command(["SET", "written", "while it stands still"])
        let client = try Client(url: primary.url, replicas: 1)
        // It would be asked again in a moment. The successor's count is known only after that.
        for _ in 0..<2 {
            #expect(try client.runLoop { client.reason == "0 of 1 replicas acknowledge" })
            try primary.connect().command(["CLIENT", "KILL", "TYPE", "normal"])
            #expect(try client.runLoop { client.reason.hasPrefix("connection: ") })
        }
        replica.resume()
        #expect(try client.runLoop { client.redis.isReady })
        #expect(client.redis.losses == 0)
    }

    @Test(arguments: [false, true])
    func `looks for the primary again as soon as any answer says that this server is none`(_ byScript: Bool) throws {
        let server = try RedisServer()
        let client = try Client(server)
        #expect(try client.runLoop { client.redis.isReady })
        try server.connect().command(["REPLICAOF", "127.0.0.1", "1"])
        if byScript {
            client.redis.run(ScriptCall(.lease, keys: ["k"], ["database", "name", "1"])) { _ in }
        } else {
            client.redis.send(["SET", "k", "v"], "SET") { _ in }
        }
        #expect(try client.runLoop { client.reason.contains(": READONLY") })
        #expect(try client.runLoop { client.reason.hasSuffix("is a replica, not the primary") })
    }

    @Test func `reconnects once, however often that is asked for while the connection ends`() throws {
        let server = try RedisServer()
        let client = try Client(server)
        #expect(try client.runLoop { client.redis.isReady })
        let other = try server.connect()
        func connections() throws -> Int? {
            let reply = try other.command(["INFO", "stats"])
            return reply.string?.firstMatch(of: #/total_connections_received:(\d+)/#).flatMap { Int($0.output.1) }
        }
        let before = try #require(try connections())
        for _ in 0..<3 {
            client.redis.send(["PING"], "PING") { _ in client.redis.fail("of its answer") }
        }
        client.redis.fail("of the test")
        // Every scheduled attempt becomes due at once.
        client.skip(milliseconds: 1000)
        #expect(try client.runLoop { client.redis.isReady })
        // On a slow machine Redis may be too late for the handshake.
        let late = client.reasons.count { $0.hasPrefix("no answer to the handshake") }
        #expect(try connections() == before + 1 + late)
        #expect(client.redis.losses == 1)
    }
}

@Suite struct `The asynchronous client with Sentinels` {
    /// A connection to a port without a listener fails after a while; one to a broadcast address can't even be begun
    /// (connect(2)).
    @Test(arguments: ["127.0.0.1:\(RedisServer.freePort())", "255.255.255.255:26379"])
    func `tries again while none of them answers, and says why`(_ sentinel: String) throws {
        let client = try Client(url: "redis+sentinel://\(sentinel)/sale")
        for _ in 0..<2 {
            #expect(try client.runLoop { client.reason.hasPrefix("no primary to use: ") }, "\(client.reason)")
            client.redis.fail("of the test")
            #expect(client.reason == "of the test")
        }
        #expect(client.redis.losses == 0)
    }

    @Test func `leaves a primary, even one that is silent and not asked, once they announce another`() throws {
        let fleet = try RedisFleet(downAfterMilliseconds: 600_000)
        // The Sentinel that promotes it announces nothing.
        try fleet.muteSentinels(0...0)
        let client = try Client(url: fleet.url)
        #expect(try client.runLoop { try client.redis.isReady && fleet.isListenedTo(1...2) })
        let before = client.redis.runID
        fleet.servers[0].pause()
        try fleet.failOver()
        #expect(try client.runLoop { client.redis.isReady && client.redis.runID != before })
        #expect(client.reasons.first?.hasSuffix(" is the new primary") == true, "\(client.reasons)")
        fleet.servers[0].resume()
    }

    @Test func `leaves a primary that one of them is about to replace`() throws {
        let fleet = try RedisFleet()
        // The others know of it later, but may be heard first.
        try fleet.muteSentinels(1...2)
        let client = try Client(url: fleet.url)
        #expect(try client.runLoop { try client.redis.isReady && fleet.isListenedTo(0...0) })
        let old = try #require(client.redis.runID)
        try fleet.failOver()
        #expect(try client.runLoop { client.redis.isReady && client.redis.runID != old })
        #expect(client.reasons.first?.hasSuffix(" is being replaced") == true, "\(client.reasons)")
    }

    @Test func `does not use an old primary that wakes up while another takes its place`() throws {
        let fleet = try RedisFleet()
        let client = try Client(url: fleet.url)
        #expect(try client.runLoop { client.redis.isReady })
        let old = try #require(client.redis.runID)
        fleet.servers[0].pause()
        // The Sentinel that promotes it has not seen yet that it worked, and the second replica still follows the old
        // primary.
        #expect(try client.runLoop { fleet.servers[1...].contains { (try? $0.connect().facts.role) == "master" } })
        fleet.servers[0].resume()
        #expect(try client.runLoop { client.redis.isReady })
        #expect(client.redis.runID != old)
    }

    @Test func `asks them again when a server has answered, even if they announce nothing`() throws {
        // Only a question makes a Sentinel act here.
        let fleet = try RedisFleet(downAfterMilliseconds: 600_000)
        try fleet.muteSentinels()
        let client = try Client(url: fleet.url)
        #expect(try client.runLoop { client.redis.isReady })
        let old = try #require(client.redis.runID)
        fleet.servers[0].pause()
        client.redis.fail("of the test")
        let others = try connections(to: fleet.servers[0].port)
        #expect(try client.runLoop { try connections(to: fleet.servers[0].port) > others })
        try fleet.failOver()
        fleet.servers[0].resume()
        #expect(try client.runLoop { client.redis.isReady })
        #expect(client.redis.runID != old)
    }

    @Test func `asks them again once the gate has been shut for a while: there may be another primary`() throws {
        let fleet = try RedisFleet(downAfterMilliseconds: 600_000)
        let client = try Client(url: fleet.url, replicas: 1)
        #expect(try client.runLoop { client.redis.isReady })
        let redis = try fleet.connect()
        func connection() throws -> String? {
            let reply = try redis.command(["CLIENT", "LIST"])
            return reply.string?.firstMatch(of: #/id=(\d+) .* name=client /#).map { String($0.output.1) }
        }
        let before = try #require(try connection())
        for replica in fleet.servers[1...] { replica.pause() }
        try redis.command(["SET", "written", "while they stand still"])
        var confirmation: AsyncRedis.Confirmation?
        client.redis.run(.status(of: SaleID("x")!), { _ in }, confirmed: { confirmation = $0 })
        #expect(try client.runLoop { confirmation == .missed })
        #expect(client.reason == "0 of 1 replicas acknowledge")
        #expect(try client.runLoop { try connection().map { $0 != before } ?? false })
        #expect(!client.redis.isReady)
        for replica in fleet.servers[1...] { replica.resume() }
        #expect(try client.runLoop { client.redis.isReady })
    }
}
