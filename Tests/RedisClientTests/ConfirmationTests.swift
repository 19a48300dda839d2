import EventLoop
import Foundation
import Shared
import TestSupport
import Testing

@testable import RedisClient

/// A client that requires a replica, and the confirmations of its calls.
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

    func runLoop(until condition: () throws -> Bool) throws -> Bool {
        try eventually {
            try loop.pass(waitMilliseconds: 10)
            return try condition()
        }
    }

    /// Whether a call is confirmed: now, or once the replica has caught up on a busy machine.
    func isConfirmed() throws -> Bool {
        try eventually {
            guard try runLoop(until: { redis.isReady }) else { return false }
            return try confirm() == .confirmed
        }
    }

    /// Runs a call, whose confirmation is appended when it is known.
    func call() {
        redis.run(.status(of: SaleID("x")!), { _ in }, confirmed: { [unowned self] in confirmations.append($0) })
    }

    /// Runs a call, and then the loop until the call is confirmed, or known not to be.
    func confirm() throws -> AsyncRedis.Confirmation? {
        let before = confirmations.count
        call()
        _ = try runLoop { confirmations.count > before }
        return confirmations.last
    }
}

@Suite struct `The replicas' confirmation` {
    /// A client of a primary whose replica is stopped, and lacks something.
    private func behind() throws -> (primary: RedisServer, replica: RedisServer, client: ConfirmingClient) {
        let primary = try RedisServer(RedisServer.followed())
        let replica = try primary.replica()
        let client = try ConfirmingClient(primary)
        #expect(try client.isConfirmed())
        replica.pause()
        try primary.connect().command(["SET", "written", "while it stands still"])
        return (primary, replica, client)
    }

    @Test func `comes once the replica has it, even for a script that Redis did not know`() throws {
        let primary = try RedisServer(RedisServer.followed())
        let replica = try primary.replica()
        let client = try ConfirmingClient(primary)
        #expect(try client.runLoop { client.redis.isReady })
        try primary.connect().command(["SCRIPT", "FLUSH"])
        for _ in 0..<3 { #expect(try client.isConfirmed()) }
        #expect(client.confirmations.count >= 3)
        withExtendedLifetime(replica) {}
    }

    @Test func `comes with the reply, and after it, if no replica is required`() throws {
        let server = try RedisServer()
        let client = try ConfirmingClient(server, replicas: 0)
        #expect(try client.runLoop { client.redis.isReady })
        var told: [String] = []
        client.redis.run(
            .status(of: SaleID("x")!), { _ in told.append("reply") }, confirmed: { told.append("\($0)") })
        #expect(try client.runLoop { !told.isEmpty })
        #expect(told == ["reply", "confirmed"])
    }

    @Test func `is required before a primary is used: its replicas may have left it`() throws {
        let (primary, replica, _) = try behind()
        let client = try ConfirmingClient(primary)
        #expect(try client.runLoop { client.redis.status == .down("0 of 1 replicas acknowledge") })
        replica.resume()
        #expect(try client.runLoop { client.redis.isReady })
    }

    @Test func `is not awaited from a replica that is gone, even if no call has shown that`() throws {
        let primary = try RedisServer(RedisServer.followed() + ["--min-replicas-to-write", "1"])
        let replica = try primary.replica()
        let client = try ConfirmingClient(primary)
        #expect(try client.runLoop { client.redis.isReady })
        replica.crash()
        #expect(try client.runLoop { client.redis.status == .down("0 of 1 replicas acknowledge") })
        #expect(try calls(of: "evalsha", primary) == 0)
        try replica.restart()
        #expect(try client.isConfirmed())
    }

    @Test func `is not awaited, though the replica has everything, while Redis has not heard from it`() throws {
        // A second of silence is too much here, and as nothing is written, WAIT counts the replica all the same.
        let primary = try RedisServer(
            RedisServer.followed() + ["--min-replicas-to-write", "1", "--min-replicas-max-lag", "1"])
        let replica = try primary.replica()
        let client = try ConfirmingClient(primary)
        #expect(try client.runLoop { client.redis.isReady })
        replica.pause()
        #expect(try client.runLoop { !client.redis.isReady })
        let inspections = try calls(of: "config|get", primary)
        var wasReady = false
        let wasInspected = try client.runLoop {
            wasReady = wasReady || client.redis.isReady
            return try calls(of: "config|get", primary) >= inspections + 3
        }
        #expect(wasInspected && !wasReady)
        replica.resume()
        #expect(try client.isConfirmed())
    }

    @Test func `is missed if the replica is stopped; nothing is sent until it goes on`() throws {
        let (primary, replica, client) = try behind()
        var wasReady: Bool?
        client.redis.run(
            .status(of: SaleID("x")!), { _ in }, confirmed: { [unowned client] _ in wasReady = client.redis.isReady })
        #expect(try client.confirm() == .missed)
        // The gate is shut before the callback is called.
        #expect(wasReady == false)
        #expect(client.redis.status == .down("0 of 1 replicas acknowledge"))
        replica.resume()
        #expect(try client.isConfirmed())
        #expect(client.redis.losses == 0)
        withExtendedLifetime(primary) {}
    }

    @Test func `is missed: after that not even the text of a script that Redis lacks is sent`() throws {
        let (primary, replica, client) = try behind()
        client.call()
        client.redis.flush()
        // Redis executes these once the WAIT of the first call is over.
        var code: RedisError.Code?
        client.redis.send(["SCRIPT", "FLUSH"], "SCRIPT") { _ in }
        client.redis.run(.status(of: SaleID("x")!)) { if case .failure(let error) = $0 { code = error.code } }
        #expect(try client.runLoop { code != nil })
        #expect(code == .noScript)
        withExtendedLifetime((primary, replica)) {}
    }

    @Test func `is missed if one of two required replicas is stopped, by either client`() throws {
        let primary = try RedisServer(RedisServer.followed())
        let replicas = [try primary.replica(), try primary.replica()]
        let (client, redis) = (try ConfirmingClient(primary, replicas: 2), try primary.connect())
        #expect(try client.isConfirmed())
        replicas[1].pause()
        try redis.command(["SET", "written", "while it stands still"])
        #expect(try client.confirm() == .missed)
        let tooFew = AsyncRedis.Status.down("1 of 2 replicas acknowledge")
        #expect(client.redis.status == tooFew)
        let next = try ConfirmingClient(primary, replicas: 2)
        #expect(try next.runLoop { next.redis.status == tooFew })
        #expect {
            try redis.confirm(replicas: 2)
        } throws: {
            ($0 as? RedisError)?.description == "WAIT: 1 of 2 replicas acknowledge"
        }
        replicas[1].resume()
        #expect(try client.isConfirmed())
        #expect(eventually { (try? redis.confirm(replicas: 2)) != nil })
    }

    @Test func `is asked for once for all calls of a pass`() throws {
        let primary = try RedisServer(RedisServer.followed())
        let replica = try primary.replica()
        let client = try ConfirmingClient(primary)
        // Again if the replica is late, on a slow machine.
        let areConfirmed = try eventually {
            #expect(try client.isConfirmed())
            let (before, confirmations) = (try waits(primary), client.confirmations.count)
            for _ in 0..<100 { client.call() }
            #expect(try client.runLoop { client.confirmations.count == confirmations + 100 })
            guard client.confirmations.suffix(100).allSatisfy({ $0 == .confirmed }) else { return false }
            #expect(try waits(primary) == before + 1)
            return true
        }
        #expect(areConfirmed)
        withExtendedLifetime(replica) {}
    }

    @Test func `is missed by all calls that were sent meanwhile, soon after the first`() throws {
        let (primary, replica, client) = try behind()
        let (before, confirmations) = (try waits(primary), client.confirmations.count)
        var calls = 0
        while calls < 100, client.redis.isReady {
            client.call()
            calls += 1
            try client.loop.pass(waitMilliseconds: 0)
        }
        #expect(try client.runLoop { client.confirmations.count == confirmations + calls })
        #expect(client.confirmations.suffix(calls).allSatisfy { $0 == .missed })
        // A quarter of a second each: one under way, one after it, one for the rest, and those that are sent while the
        // gate is shut.
        #expect(try waits(primary) < before + 10)
        replica.resume()
    }

    /// How many WAITs a server has received.
    private func waits(_ server: RedisServer) throws -> Int { try calls(of: "wait", server) }

    private func calls(of command: String, _ server: RedisServer) throws -> Int {
        let reply = try server.connect().command(["INFO", "commandstats"])
        let text = reply.string ?? ""
        let prefix = "cmdstat_\(command):calls="
        let line = text.split(whereSeparator: \.isNewline).first { $0.hasPrefix(prefix) }
        return line.flatMap { Int($0.dropFirst(prefix.count).prefix { $0 != "," }) } ?? 0
    }

    @Test func `is not waited for if a server refuses to say: that is reported, and the server asked again`() throws {
        let primary = try RedisServer(
            RedisServer.followed(), users: "user default on nopass ~* &* +@all\nuser api on >api ~* &* +@all -wait\n")
        let replica = try primary.replica(["--masteruser", "default"])
        let client = try ConfirmingClient(primary, user: "api")
        func reason() -> String {
            if case .down(let reason) = client.redis.status { reason } else { "" }
        }
        #expect(try client.runLoop { reason().contains("'wait'") }, "\(client.redis.status)")
        try primary.connect().command(["ACL", "SETUSER", "api", "+wait"])
        #expect(try client.isConfirmed())
        withExtendedLifetime(replica) {}
    }

    @Test func `is lost with the connection`() throws {
        let (primary, replica, client) = try behind()
        var confirmation: AsyncRedis.Confirmation?
        var answered = false
        client.redis.run(.status(of: SaleID("x")!), { _ in answered = true }, confirmed: { confirmation = $0 })
        #expect(try client.runLoop { answered })
        #expect(confirmation == nil)
        primary.crash()
        #expect(try client.runLoop { confirmation != nil })
        #expect(confirmation == .lost)
        replica.resume()
    }

    @Test func `is lost even for a call that has its reply before its WAIT is sent`() throws {
        let (primary, replica, client) = try behind()
        let (scripts, waits) = (try calls(of: "evalsha", primary), try waits(primary))
        var told: [String] = []
        for number in 1...3 {
            client.redis.run(
                .status(of: SaleID("x")!),
                { answer in
                    guard case .reply = answer else { return }
                    told.append("\(number) replied")
                    if number == 3 { client.redis.fail("of the test") }
                }, confirmed: { told.append("\(number) \($0)") })
            client.redis.flush()
        }
        // Two WAITs are over, and the third call is answered, before any reply is read here.
        #expect(try eventually { try calls(of: "evalsha", primary) == scripts + 3 })
        #expect(try self.waits(primary) == waits + 2)
        #expect(try client.runLoop { told.count == 6 }, "\(told)")
        #expect(told == ["1 replied", "1 missed", "2 replied", "2 missed", "3 replied", "3 lost"])
        replica.resume()
    }

    @Test(arguments: [false, true])
    func `does not come for a failed call, whether the replicas are asked about it or not`(_ asked: Bool) throws {
        let primary = try RedisServer(RedisServer.followed())
        let replica = try primary.replica()
        let client = try ConfirmingClient(primary)
        #expect(try client.runLoop { client.redis.isReady })
        var told: [String] = []
        client.redis.run(
            .status(of: SaleID("x")!),
            { answer in if case .failure(let error) = answer { told.append("\(error.code)") } },
            confirmed: { told.append("\($0)") })
        if asked { client.redis.flush() }
        client.redis.fail("of the test")
        #expect(told == ["connectionLost"])
        withExtendedLifetime(replica) {}
    }

    @Test func `is not assumed by a connection that a blocking read has woken, once it has sent PING`() throws {
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
            return clients.string?.contains("flags=b") == true
        }
        try other.command(["XADD", "s", "*", "a", "b"])
        #expect(try client.runLoop { woken })
        func acknowledged() throws -> Int? {
            var count: Int?
            client.redis.send(["PING"], "PING") { _ in }
            client.redis.send(["WAIT", "1", "50"], "WAIT") { if case .reply(let value) = $0 { count = value.integer } }
            _ = try client.runLoop { count != nil }
            return count
        }
        // The replica is stopped and can't have the entry. Without PING, Redis 7.0.15 may say that it does.
        #expect(try acknowledged() == 0)
        replica.resume()
    }

    @Test func `is not assumed by the blocking client either when a read has woken it`() throws {
        let primary = try RedisServer(RedisServer.followed())
        let replica = try primary.replica()
        let redis = try primary.connect()
        replica.pause()
        Thread.detachNewThread {
            guard let other = try? primary.connect() else { return }
            _ = eventually { (try? other.command(["CLIENT", "LIST"]).string?.contains("flags=b")) == true }
            _ = try? other.command(["XADD", "s", "*", "a", "b"])
        }
        let read = try redis.command(["XREAD", "BLOCK", "9000", "STREAMS", "s", "$"])
        #expect(read.value.count == 1)
        #expect {
            try redis.confirm(replicas: 1)
        } throws: {
            ($0 as? RedisError)?.code == .unconfirmed
        }
        replica.resume()
    }
}
