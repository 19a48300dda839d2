import EventLoop
import Shared
import TestSupport
import Testing

@testable import RedisClient

/// A loop that the test runs pass by pass, on a clock that it moves.
private final class TestLoop {
    private(set) var loop: EventLoop!
    /// How far the loop's clock is ahead.
    private var aheadMilliseconds = 0

    init() throws {
        loop = try EventLoop(clock: { [unowned self] in .now.advanced(milliseconds: aheadMilliseconds) })
    }

    /// Runs the loop, a pass for each tenth of a second, until the clock says that this much time has passed.
    func run(milliseconds: Int) throws {
        for _ in 0..<milliseconds / 100 {
            aheadMilliseconds += 100
            try loop.pass(waitMilliseconds: 0)
        }
    }

    /// Runs the loop until `condition` holds.
    func run(until condition: () throws -> Bool) throws -> Bool {
        try eventually {
            try loop.pass(waitMilliseconds: 10)
            return try condition()
        }
    }
}

extension RedisServer {
    /// Its TCP address; its settings must include `followed`.
    fileprivate var address: SocketAddress { SocketAddress("127.0.0.1:\(port)")! }
}

@Suite struct `A survey of Sentinels` {
    private let test: TestLoop

    init() throws { test = try TestLoop() }

    @Test func `ends once, though its end closes the connections to silent ones`() throws {
        let silent = try RedisServer(RedisServer.followed())
        silent.pause()
        var verdicts: [String] = []
        let survey = SentinelSurvey([silent.address, silent.address], name: "sale", loop: test.loop) {
            if case .failure(let error) = $0 { verdicts.append(error.message) }
        }
        survey.start()
        try test.run(milliseconds: 1000)
        #expect(verdicts == ["\(silent.address): no answer"])
        silent.resume()
    }

    @Test func `leaves no connection open when it is given up`() throws {
        let silent = try RedisServer(RedisServer.followed())
        silent.pause()
        var survey: SentinelSurvey? = SentinelSurvey([silent.address], name: "sale", loop: test.loop) { _ in
            Issue.record("it has been given up")
        }
        survey?.start()
        #expect(try test.run { try connections(to: silent.port) == 1 })
        survey = nil
        // Until it is rid of what it has inherited, a child that is just being started holds the connection, too.
        #expect(try eventually { try connections(to: silent.port) == 0 })
        try test.run(milliseconds: 1000)
        silent.resume()
    }
}

/// Any Redis can announce what a Sentinel does.
@Suite struct `Listening to a Sentinel` {
    private final class Ear {
        var heard: [SentinelWatch.News] = []
    }

    private let test: TestLoop
    private let sentinel: RedisServer
    private let ear = Ear()
    private let watch: SentinelWatch

    init() throws {
        test = try TestLoop()
        sentinel = try RedisServer(RedisServer.followed())
        watch = SentinelWatch([sentinel.address], name: "sale", loop: test.loop) { [ear] in ear.heard.append($0) }
        watch.start()
    }

    /// Announces this server as the new primary, again and again until somebody listens, and runs the loop until that
    /// is heard.
    private func hears(_ primary: String) throws -> Bool {
        let redis = try sentinel.connect()
        let isHeard = try test.run {
            let message = "sale 10.0.0.1 6379 \(primary) 6379"
            return try redis.command(["PUBLISH", "+switch-master", "\(message)"]).integer == 1
        }
        return try isHeard && test.run { ear.heard.last == .promoted(.tcp(host: primary, port: 6379)) }
    }

    /// The connections that listen, by their ids.
    private func listeners() throws -> [String] {
        let reply = try sentinel.connect().command(["CLIENT", "LIST", "TYPE", "pubsub"])
        return (reply.string ?? "").matches(of: #/(?:^|\n)id=(\d+) /#).map { String($0.output.1) }
    }

    @Test func `goes on over one connection, whose end would be noticed`() throws {
        #expect(try hears("10.0.0.2"))
        let before = try listeners()
        try test.run(milliseconds: 10_000)
        #expect(try listeners() == before && before.count == 1)
        #expect(try isKeptAlive(to: sentinel.port))
        #expect(try hears("10.0.0.3"))
    }

    @Test func `begins again once it is back, however long it was away`() throws {
        #expect(try hears("10.0.0.2"))
        for primary in ["10.0.0.3", "10.0.0.4"] {
            sentinel.crash()
            // It is tried several times meanwhile, without success.
            try test.run(milliseconds: 3000)
            try sentinel.restart()
            #expect(try hears(primary))
        }
    }

    @Test func `begins again once it is no longer refused`() throws {
        #expect(try hears("10.0.0.2"))
        let redis = try sentinel.connect()
        try redis.command(["ACL", "SETUSER", "default", "-subscribe"])
        try redis.command(["CLIENT", "KILL", "TYPE", "pubsub"])
        try test.run(milliseconds: 3000)
        try redis.command(["ACL", "SETUSER", "default", "+subscribe"])
        #expect(try hears("10.0.0.3"))
    }
}
