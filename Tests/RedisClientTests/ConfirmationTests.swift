import EventLoop
import RedisClient
import Shared
import TestSupport
import Testing

/// A client that asks for one replica, and what it was told of each call.
private final class ConfirmingClient {
    let loop: EventLoop
    private(set) var redis: AsyncRedis!
    private(set) var confirmations: [AsyncRedis.Confirmation] = []

    init(_ server: RedisServer, user: String? = nil) throws {
        loop = try EventLoop()
        var endpoint = try RedisEndpoint(url: server.url)
        (endpoint.user, endpoint.password) = (user, user)
        redis = AsyncRedis(
            endpoint, loop: loop, name: "test", replicas: 1, refusal: { _ in nil },
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

    @Test func `is missed where the replica stands still; nothing is sent until it goes on`() throws {
        let (primary, replica, client) = try behind()
        #expect(try client.confirm() == .missed)
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
    private func waits(_ server: RedisServer) throws -> Int {
        let reply = try server.connect().command(["INFO", "commandstats"])
        let text = reply.value.string ?? ""
        let line = text.split(whereSeparator: \.isNewline).first { $0.hasPrefix("cmdstat_wait:calls=") }
        return line.flatMap { Int($0.dropFirst("cmdstat_wait:calls=".count).prefix { $0 != "," }) } ?? 0
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
