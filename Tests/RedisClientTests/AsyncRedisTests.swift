import EventLoop
import RedisClient
import Shared
import TestSupport
import Testing

/// An AsyncRedis on a loop that the test turns by hand.
private final class Client {
    let loop: EventLoop
    private(set) var redis: AsyncRedis!
    private(set) var changes: [AsyncRedis.Status] = []

    init(_ server: RedisServer, url: String? = nil, refusal: @escaping (ServerFacts) -> String? = { _ in nil }) throws {
        loop = try EventLoop()
        redis = AsyncRedis(
            try RedisEndpoint(url: url ?? server.url), loop: loop, name: "test", refusal: refusal,
            changed: { [unowned self] in changes.append($0) })
        redis.connect()
    }

    /// Turns the loop until `condition` holds.
    func turn(until condition: () -> Bool) throws -> Bool {
        try eventually {
            try loop.pass(waitMilliseconds: 10)
            return condition()
        }
    }

    /// Sends a command, and turns the loop until it is answered.
    func ask(_ arguments: [RedisArgument]) throws -> String? {
        var result: String??
        redis.send(arguments, "test") { answer in
            switch answer {
            case .reply(let value): result = .some(value.string ?? value.integer.map { "\($0)" })
            case .failure(let error): result = .some("\(error.code)")
            }
        }
        _ = try turn { result != nil }
        return result ?? nil
    }
}

@Suite struct `The asynchronous client` {
    @Test func `answers in the order of asking`() throws {
        let server = try RedisServer()
        let client = try Client(server)
        #expect(try client.turn { client.redis.isReady })
        var answers: [Int] = []
        for _ in 0..<500 {
            client.redis.send(["INCR", "n"], "INCR") { answer in
                if case .reply(let value) = answer { answers.append(value.integer ?? -1) }
            }
        }
        #expect(try client.turn { answers.count == 500 })
        #expect(answers == Array(1...500))
    }

    @Test func `what Redis has not received of a connection that is given up never comes`() throws {
        let server = try RedisServer(RedisServer.followed())
        let client = try Client(server, url: "redis://127.0.0.1:\(server.port)")
        #expect(try client.turn { client.redis.isReady })
        server.pause()
        let long = RedisArgument([UInt8](repeating: UInt8(ascii: "x"), count: 1 << 20))
        // More and more, until Redis' side takes no more while it stands still.
        let isHeld = try client.turn {
            for _ in 0..<8 where client.redis.isReady { client.redis.send(["SET", "k", long], "SET") { _ in } }
            client.redis.flush()
            return (try? unsentBytes(to: server.port)) ?? 0 > 0
        }
        #expect(isHeld && client.redis.isReady)
        client.redis.reconnect(because: "of the test")
        #expect(try unsentBytes(to: server.port) == 0)
        server.resume()
    }

    /// What the kernel holds for connections to a port of this machine, whoever's they are or were (proc(5), /proc/net/tcp).
    private func unsentBytes(to port: String) throws -> Int {
        let suffix = ":" + String(Int(port)!, radix: 16, uppercase: true)
        // File.read goes on to the end; what goes by the size of a file reads one page of this one.
        let text = String(decoding: try File.read("/proc/net/tcp", limit: 1 << 24), as: UTF8.self)
        return text.split(separator: "\n").reduce(0) { sum, line in
            let words = line.split(separator: " ")
            guard words.count > 4, words[2].hasSuffix(suffix) else { return sum }
            return sum + (Int(words[4].prefix { $0 != ":" }, radix: 16) ?? 0)
        }
    }

    @Test func `a script that Redis has forgotten is sent by its text`() throws {
        let server = try RedisServer()
        let client = try Client(server)
        #expect(try client.turn { client.redis.isReady })
        for _ in 0..<3 {
            #expect(try client.ask(["SCRIPT", "FLUSH"]) == "OK")
            var elements: Int?
            let call = ScriptCall(.status)
            call.begin(keys: ["sale:{x}", "sale:{x}:stock", "sale:{x}:position"], [])
            client.redis.run(call) { answer in
                if case .reply(let value) = answer { elements = value.isArray ? value.count : -1 }
            }
            #expect(try client.turn { elements != nil })
            #expect(elements == 0)
        }
    }

    @Test func `comes back after a crash, and says that what was under way is unknown`() throws {
        let server = try RedisServer()
        let client = try Client(server)
        #expect(try client.turn { client.redis.isReady })
        let before = client.redis.runID
        var code: RedisError.Code?
        server.pause()
        client.redis.send(["INCR", "n"], "INCR") { answer in
            if case .failure(let error) = answer { code = error.code }
        }
        try client.loop.pass(waitMilliseconds: 0)
        server.crash()
        #expect(try client.turn { code != nil })
        #expect(code == .connectionLost)
        #expect(!client.redis.isReady)
        try server.restart()
        #expect(try client.turn { client.redis.isReady })
        #expect(client.redis.runID != before)
        #expect(try client.ask(["PING"]) == "PONG")
        #expect(client.redis.losses == 1)
    }

    @Test func `writes nothing while an answer is being handled, so that a lost connection can't end under it`() throws
    {
        let server = try RedisServer()
        let client = try Client(server)
        #expect(try client.turn { client.redis.isReady })
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
        #expect(try client.turn { failed })
        #expect(!endedWithin)
    }

    @Test func `gives up a Redis that has fallen silent`() throws {
        let server = try RedisServer()
        let client = try Client(server)
        #expect(try client.turn { client.redis.isReady })
        var failed = false
        server.pause()
        client.redis.send(["PING"], "PING") { answer in if case .failure = answer { failed = true } }
        #expect(try client.turn { failed })
        server.resume()
        #expect(try client.turn { client.redis.isReady })
    }

    @Test func `does not use a server that is refused, and looks again until it is accepted`() throws {
        let server = try RedisServer(["--appendfsync", "everysec"])
        let client = try Client(server, refusal: { $0.durabilityProblems(replicas: 0).first })
        #expect(try client.turn { client.changes.count > 0 })
        guard case .down(let reason) = client.redis.status else {
            Issue.record("the server was accepted")
            return
        }
        #expect(reason.contains("appendfsync"))
        let redis = try server.connect()
        try redis.command(["CONFIG", "SET", "appendfsync", "always"])
        #expect(try client.turn { client.redis.isReady })
    }

    @Test func `does not use a replica`() throws {
        let server = try RedisServer()
        try server.connect().command(["REPLICAOF", "127.0.0.1", "1"])
        let client = try Client(server)
        #expect(try client.turn { client.changes.count > 0 })
        #expect(client.redis.status == .down("unix:\(server.socket) is a replica, not the primary"))
    }
}
