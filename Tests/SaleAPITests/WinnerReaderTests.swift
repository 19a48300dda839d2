import EventLoop
import RedisClient
import Shared
import TestSupport
import Testing

@testable import SaleAPI

/// Reading all winners of a sold-out sale from a Redis that refuses to show them.
@Suite struct `Reading a sale's winners` {
    private let server: RedisServer
    private let admin: BlockingRedis
    private let loop: EventLoop
    private let redis: AsyncRedis
    private let version: SoldOutSale.Version

    init() throws {
        server = try RedisServer()
        admin = try server.connect()
        let sale = try TestSale.create(admin, stock: 1)
        _ = try TestSale.purchase(admin, sale, [.init(buyer: "b1", key: "k1")])
        let status = try #require(try admin.status(sale))
        version = try #require(SoldOutSale.Version(status))
        loop = try EventLoop()
        redis = AsyncRedis(
            try RedisEndpoint(url: server.url), loop: loop, name: "test", refusal: { _ in nil }, changed: { _ in })
        redis.connect()
        #expect(try runLoop { redis.isReady })
    }

    /// Reads them, and returns what came of it.
    private func read() throws -> String {
        let empty = try #require(SoldOutSale(version))
        var outcome: WinnerReader.Outcome?
        WinnerReader(SaleID("demo")!, into: empty, redis: redis) { outcome = $0 }.start()
        #expect(try runLoop { outcome != nil })
        switch outcome {
        case .read: return "read"
        case .refused: return "refused"
        case .interrupted: return "interrupted"
        case nil: return "nothing"
        }
    }

    private func runLoop(until condition: () -> Bool) throws -> Bool {
        try eventually {
            try loop.pass(waitMilliseconds: 10)
            return condition()
        }
    }

    @Test func `is worth another try if it was only busy with another script`() throws {
        try admin.command(["CONFIG", "SET", "busy-reply-threshold", "1"])
        let busy = try BlockingRedis(try RedisEndpoint(url: server.url), name: "busy", timeoutMilliseconds: 50)
        _ = try? busy.command(["EVAL", "while true do end", "0"])
        #expect(try read() == "interrupted")
        try admin.command(["SCRIPT", "KILL"])
        // A busy Redis is left if it can't say in time what it is.
        #expect(try runLoop { redis.isReady })
        #expect(try read() == "read")
    }

    @Test func `is not if this user may not read them`() throws {
        try admin.command(["ACL", "SETUSER", "default", "-hscan"])
        #expect(try read() == "refused")
    }
}
