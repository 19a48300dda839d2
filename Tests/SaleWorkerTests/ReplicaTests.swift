import Foundation
import OrderStore
import RedisClient
import Shared
import TestSupport
import Testing

@Suite struct `The worker beside a replica` {
    @Test func `stores nothing that the replica may not have`() throws {
        let under = try WorkerUnderTest(redisSettings: RedisServer.followed())
        let replica = try under.server.replica()
        let sale = try TestSale.create(under.redis, stock: 10)
        let worker = try under.start(["SALE_REDIS_REPLICAS": "1"])
        try under.sell(sale, to: 0..<3)
        #expect(under.drained(sale))
        replica.pause()
        try under.sell(sale, to: 3..<6)
        #expect(eventually { worker.errors.contains("0 of 1 replicas acknowledge") })
        #expect(try under.account(sale)?.sold == 3)
        replica.resume()
        #expect(under.drained(sale))
        #expect(try under.account(sale)?.sold == 6)
    }
}
