import EventLoop
import RedisClient
import Shared
import TestSupport
import Testing

/// A client that asks for a replica, and what it was told of each call.
private final class ConfirmingClient {
    let loop: EventLoop
    private(set) var redis: AsyncRedis!
    private(set) var confirmations: [AsyncRedis.Confirmation] = []

    init(_ server: RedisServer, replicas: Int = 1, user: String? = nil) throws {
        loop = try EventLoop()
        var endpoint = try RedisEndpoint(url: server.url)
        (endpoint.user, endpoint.password) = (user, user)
        redis = AsyncRedis(
            endpoint, loop: loop, name: "test", replicas: replicas, refusal: { _ in nil },
            changed: { _ in })
        redis.connect()
    }

    func turn(until condition: () -> Bool) throws -> Bool {
        try eventually {
            try loop.pass(waitMilliseconds: 10)
            return condition()
        }
    }

    /// Whether a call is confirmed, now or when the replica, on a busy machine, has caught up.
    func isConfirmed() throws -> Bool {
        try eventually {
            guard try turn(until: { redis.isReady }) else { return false }
            return try confirm() == .confirmed
        }
    }

    /// Runs a call, whose confirmation is added when it is known.
    func call() {
        redis.run(.status(of: SaleID("x")!), { _ in }, confirmed: { [unowned self] in confirmations.append($0) })
    }

    /// Runs a call, and turns the loop until it is confirmed, or known not to be.
    func confirm() throws -> AsyncRedis.Confirmation? {
        let before = confirmations.count
        call()
        _ = try turn { confirmations.count > before }
        return confirmations.last
    }
}

@Suite struct `The replicas' confirmation` {
    /// A client of a primary whose replica stands still, and lacks something.
    private func behind() throws -> (primary: RedisServer, replica: RedisServer, client: ConfirmingClient) {
        let primary = try RedisServer(RedisServer.followed())
        let replica = try primary.replica()
        let client = try ConfirmingClient(primary)
        #expect(try client.isConfirmed())
        replica.pause()
        try primary.connect().command(["SET", "written", "while it stands still"])
        return (primary, replica, client)
    }

    @Test func `comes once the replica has it, also of a script that Redis did not know`() throws {
        let primary = try RedisServer(RedisServer.followed())
        let replica = try primary.replica()
        let client = try ConfirmingClient(primary)
        #expect(try client.turn { client.redis.isReady })
        try primary.connect().command(["SCRIPT", "FLUSH"])
        for _ in 0..<3 { #expect(try client.isConfirmed()) }
        #expect(client.confirmations.count >= 3)
        withExtendedLifetime(replica) {}
    }

    @Test func `comes with the reply, and behind it, where no replica is asked for`() throws {
        let server = try RedisServer()
        let client = try ConfirmingClient(server, replicas: 0)
        #expect(try client.turn { client.redis.isReady })
        var told: [String] = []
        client.redis.run(
            .status(of: SaleID("x")!), { _ in told.append("reply") }, confirmed: { told.append("\($0)") })
        #expect(try client.turn { !told.isEmpty })
        #expect(told == ["reply", "confirmed"])
    }

    @Test func `is asked for before a primary is used: its replicas may have left it`() throws {
        let (primary, replica, _) = try behind()
        let client = try ConfirmingClient(primary)
        #expect(try client.turn { client.redis.status == .down("0 of 1 replicas acknowledge") })
        replica.resume()
        #expect(try client.turn { client.redis.isReady })
    }

    @Test func `is missed where the replica stands still; nothing is sent until it goes on`() throws {
        let (primary, replica, client) = try behind()
        var wasReady: Bool?
        client.redis.run(
            .status(of: SaleID("x")!), { _ in }, confirmed: { [unowned client] _ in wasReady = client.redis.isReady })
        #expect(try client.confirm() == .missed)
        // Whoever is told so finds the gate shut.
        #expect(wasReady == false)
        #expect(client.redis.status == .down("0 of 1 replicas acknowledge"))
        replica.resume()
        #expect(try client.isConfirmed())
        #expect(client.redis.losses == 0)
        withExtendedLifetime(primary) {}
    }

    @Test func `is asked for once for all calls of a pass`() throws {
        let primary = try RedisServer(RedisServer.followed())
        let replica = try primary.replica()
        let client = try ConfirmingClient(primary)
        #expect(try client.isConfirmed())
        let (before, confirmations) = (try waits(primary), client.confirmations.count)
        for _ in 0..<100 { client.call() }
        #expect(try client.turn { client.confirmations.count == confirmations + 100 })
        #expect(client.confirmations.suffix(100).allSatisfy { $0 == .confirmed })
        #expect(try waits(primary) == before + 1)
        withExtendedLifetime(replica) {}
    }

    @Test func `is missed by all that were sent meanwhile as soon as by the first`() throws {
        let (primary, replica, client) = try behind()
        let (before, confirmations) = (try waits(primary), client.confirmations.count)
        var calls = 0
        while calls < 100, client.redis.isReady {
            client.call()
            calls += 1
            try client.loop.pass(waitMilliseconds: 0)
        }
        #expect(try client.turn { client.confirmations.count == confirmations + calls })
        #expect(client.confirmations.suffix(calls).allSatisfy { $0 == .missed })
        // A quarter of a second each: one under way, one behind it, one for the rest, and what is asked while the gate is shut.
        #expect(try waits(primary) < before + 10)
        replica.resume()
    }

    /// How many WAITs a server has been asked.
    private func waits(_ server: RedisServer) throws -> Int { try calls(of: "wait", server) }

    private func calls(of command: String, _ server: RedisServer) throws -> Int {
        let reply = try server.connect().command(["INFO", "commandstats"])
        let text = reply.value.string ?? ""
        let prefix = "cmdstat_\(command):calls="
        let line = text.split(whereSeparator: \.isNewline).first { $0.hasPrefix(prefix) }
        return line.flatMap { Int($0.dropFirst(prefix.count).prefix { $0 != "," }) } ?? 0
    }

    @Test func `is not waited for where a server refuses to say: it is told why, and asked again`() throws {
        let primary = try RedisServer(
            RedisServer.followed(), users: "user default on nopass ~* &* +@all\nuser api on >api ~* &* +@all -wait\n")
        let replica = try primary.replica(["--masteruser", "default"])
        let client = try ConfirmingClient(primary, user: "api")
        func reason() -> String {
            if case .down(let reason) = client.redis.status { reason } else { "" }
        }
        #expect(try client.turn { reason().contains("'wait'") }, "\(client.redis.status)")
        try primary.connect().command(["ACL", "SETUSER", "api", "+wait"])
        #expect(try client.isConfirmed())
        withExtendedLifetime(replica) {}
    }

    @Test func `is lost with the connection`() throws {
        let (primary, replica, client) = try behind()
        var confirmation: AsyncRedis.Confirmation?
        var answered = false
        client.redis.run(.status(of: SaleID("x")!), { _ in answered = true }, confirmed: { confirmation = $0 })
        #expect(try client.turn { answered })
        #expect(confirmation == nil)
        primary.crash()
        #expect(try client.turn { confirmation != nil })
        #expect(confirmation == .lost)
        replica.resume()
    }

    @Test func `is lost for a call, too, that has its reply before it is its turn to be asked about`() throws {
        let (primary, replica, client) = try behind()
        let (scripts, waits) = (try calls(of: "evalsha", primary), try waits(primary))
        var told: [String] = []
        for number in 1...3 {
            client.redis.run(
                .status(of: SaleID("x")!),
                { answer in
                    guard case .reply = answer else { return }
                    told.append("\(number) replied")
                    if number == 3 { client.redis.reconnect(because: "of the test") }
                }, confirmed: { told.append("\(number) \($0)") })
            client.redis.flush()
        }
        // Two WAITs are over, and the third call is answered, before any of it is read here.
        #expect(try eventually { try calls(of: "evalsha", primary) == scripts + 3 })
        #expect(try self.waits(primary) == waits + 2)
        #expect(try client.turn { told.count == 6 }, "\(told)")
        #expect(told == ["1 replied", "1 missed", "2 replied", "2 missed", "3 replied", "3 lost"])
        replica.resume()
    }

    @Test(arguments: [false, true])
    func `is not told of a call that has failed, be the replicas asked about it or not`(_ asked: Bool) throws {
        let primary = try RedisServer(RedisServer.followed())
        let replica = try primary.replica()
        let client = try ConfirmingClient(primary)
        #expect(try client.turn { client.redis.isReady })
        var told: [String] = []
        client.redis.run(
            .status(of: SaleID("x")!),
            { answer in if case .failure(let error) = answer { told.append("\(error.code)") } },
            confirmed: { told.append("\($0)") })
        if asked { client.redis.flush() }
        client.redis.reconnect(because: "of the test")
        #expect(told == ["connectionLost"])
        withExtendedLifetime(replica) {}
    }

    @Test func `is not taken for given by a connection that a blocking read has woken, once it has said PING`() throws {
        let primary = try RedisServer(RedisServer.followed())
        let replica = try primary.replica()
        let client = try ConfirmingClient(primary)
        #expect(try client.isConfirmed())
        replica.pause()
        var woken = false
        client.redis.send(["XREAD", "BLOCK", "900", "STREAMS", "s", "$"], "XREAD") { _ in woken = true }
        try client.loop.pass(waitMilliseconds: 10)
        let other = try primary.connect()
        _ = try eventually {
            let clients = try other.command(["CLIENT", "LIST"])
            let value = clients.value
            return value.string?.contains("flags=b") == true
        }
        try other.command(["XADD", "s", "*", "a", "b"])
        #expect(try client.turn { woken })
        func acknowledged() throws -> Int? {
            var count: Int?
            client.redis.send(["PING"], "PING") { _ in }
            client.redis.send(["WAIT", "1", "50"], "WAIT") { if case .reply(let value) = $0 { count = value.integer } }
            _ = try client.turn { count != nil }
            return count
        }
        // The replica stands still: it can't have the entry. Without PING, Redis 7.0.15 may say that it does.
        #expect(try acknowledged() == 0)
        replica.resume()
    }
}
