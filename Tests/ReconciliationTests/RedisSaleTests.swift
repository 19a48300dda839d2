import Foundation
import Reconciliation
import RedisClient
import Shared
import Synchronization
import TestSupport
import Testing

@Suite struct `A sale that is read from Redis` {
    /// What changes it once, between the two statuses of the first attempt.
    @Test(arguments: [("title", "U"), ("paused", "1"), ("closes_at", "9"), ("serving_run_id", "-"), ("epoch", "2")])
    func `is read again if anything of it has changed meanwhile`(_ field: String, _ value: String) throws {
        let server = try RedisServer()
        let sale = try TestSale.create(server.connect())
        let scans = Atomic(0)
        let (path, socket) = (server.directory.path("relay.sock"), server.socket)
        let relay = try Relay(.unix(path: path), to: .unix(path: socket)) { direction, piece in
            guard direction == .toServer, Data(piece).range(of: Data("HSCAN".utf8)) != nil else { return true }
            if scans.add(1, ordering: .relaxed).oldValue == 0 {
                let shell = URL(fileURLWithPath: "/usr/bin/redis-cli")
                _ = try? ChildProcess.run(shell, ["-s", socket, "HSET", SaleKeys(sale).sale, field, value])
            }
            return true
        }
        try withExtendedLifetime(relay) {
            let endpoint = try RedisEndpoint(url: "unix://\(path)")
            let redis = try BlockingRedis(endpoint, name: "test", timeoutMilliseconds: 10_000)
            let read = try #require(try RedisSale.read(sale, from: redis, beside: nil))
            var status = try #require(try redis.status(sale))
            status.readAt = read.status.readAt
            #expect(read.status == status)
            #expect(scans.load(ordering: .relaxed) == 2)
        }
    }
}
