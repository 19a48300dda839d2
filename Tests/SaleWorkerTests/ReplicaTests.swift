import Foundation
import LuaScripts
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
        #expect(eventually { worker.errors.contains("0 of 1 replicas acknowledge") }, "\(worker.errors)")
        #expect(try under.stored(sale)?.sold == 3)
        replica.resume()
        #expect(under.drained(sale))
        #expect(try under.stored(sale)?.sold == 6)
    }

    @Test func `asks the replicas once about all dead letters of a batch`() throws {
        let under = try WorkerUnderTest(redisSettings: RedisServer.followed())
        let replica = try under.server.replica()
        let sale = try TestSale.create(under.redis, stock: 10)
        for number in 0..<100 { try under.add(sale, ["v", "2", "number", "\(number)"]) }
        try withExtendedLifetime(replica) {
            try under.start(["SALE_REDIS_REPLICAS": "1"])
            #expect(
                eventually {
                    (try? SQLiteShell.run(
                        under.database, "SELECT count(*) FROM dead_letters WHERE moved_at_ms > 0")) == ["100"]
                })
        }
        #expect(try under.deadLetters(sale).count == 100)
        let reply = try under.redis.command(["INFO", "commandstats"])
        let waits = reply.string?.firstMatch(of: #/cmdstat_wait:calls=(\d+)/#).flatMap { Int($0.output.1) } ?? 0
        // On a slow machine it asks once more for each time that the replica was late.
        let metrics = try UnixHTTPClient(under.opsSocket).ask("GET", "/metrics").body
        let failures = metrics.firstMatch(of: #/sale_worker_failures_total (\d+)/#).flatMap { Int($0.output.1) } ?? 0
        #expect((2...2 + failures).contains(waits), "before they are stored, and after they are moved")
    }

    @Test func `notes no dead letter as moved that the replica may not have`() throws {
        let under = try WorkerUnderTest(redisSettings: RedisServer.followed())
        let replica = try under.server.replica()
        let sale = try TestSale.create(under.redis, stock: 10)
        // The replica stops just before the entry is moved.
        let move = Data(Script.deadletter.sha.utf8)
        let path = under.server.directory.path("relay.sock")
        let relay = try Relay(.unix(path: path), to: .unix(path: under.server.socket)) { direction, piece in
            if direction == .toServer, Data(piece).range(of: move) != nil { replica.pause() }
            return true
        }
        try withExtendedLifetime(relay) {
            let worker = try under.start(["SALE_REDIS_URL": "unix://\(path)", "SALE_REDIS_REPLICAS": "1"])
            try under.add(sale, ["rubbish", "1"])
            #expect(eventually { worker.errors.contains("0 of 1 replicas acknowledge") })
            #expect(try !under.isNoted())
            replica.resume()
            #expect(try eventually { try under.isNoted() })
            #expect(try under.deadLetters(sale).count == 1)
        }
    }
}
