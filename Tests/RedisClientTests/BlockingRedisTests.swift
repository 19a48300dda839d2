import RedisClient
import Shared
import TestSupport
import Testing

@Suite struct `The blocking client` {
    @Test func `what Redis has not received when its answer is given up, it never receives`() throws {
        let server = try RedisServer(RedisServer.followed())
        let endpoint = try RedisEndpoint(url: "redis://127.0.0.1:\(server.port)")
        let redis = try BlockingRedis(endpoint, name: "test", timeoutMilliseconds: 300)
        // More than the kernel takes for a Redis that doesn't read.
        let long = RedisArgument([UInt8](repeating: UInt8(ascii: "x"), count: 1 << 25))
        server.pause()
        #expect(throws: RedisError.self) { try redis.command(["SET", "k", long]) }
        #expect(try unsentBytes(to: server.port) == 0)
        server.resume()
        withExtendedLifetime(redis) {}
    }
}
