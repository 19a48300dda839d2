import Foundation
import LuaScripts
import RedisClient
import Shared
import Synchronization
import TestSupport
import Testing

extension salectl {
    @Test func `pauses, resumes and closes a sale`() throws {
        let operate = try Operator()
        let sale = try TestSale.create(operate.redis)
        func codes() throws -> String {
            try TestSale.purchase(operate.redis, sale, [.init(buyer: Crypto.randomHex(4), key: "k")]).codes
        }
        #expect(try operate.run(["pause", "demo"]).output == "demo is paused\n")
        #expect(try codes() == "P")
        #expect(try operate.run(["resume", "demo"]).output == "demo is open\n")
        #expect(try codes() == "S")
        #expect(try operate.run(["close", "demo"]).output == "demo is ended\n")
        #expect(try codes() == "E")
    }

    @Test func `says that a sale is paused, whatever else it is`() throws {
        let operate = try Operator()
        let later = UnixMilliseconds(UnixMilliseconds.now.value + 3_600_000)
        let admission = NewSale.Admission(rate: 100, turnWindowMilliseconds: 60_000)
        try TestSale.create(operate.redis, "thu", stock: 5, opensAt: later, admission: admission)
        let demo = try TestSale.create(operate.redis, stock: 1)
        #expect(try TestSale.purchase(operate.redis, demo, [.init(buyer: "b", key: "k")]).codes == "S")
        #expect(try operate.run(["pause", "thu"]).output == "thu is scheduled, paused\n")
        #expect(try operate.run(["pause", "demo"]).output == "demo is sold_out, paused\n")
        #expect(try operate.run(["admit", "thu", "pause"]).code == 0)
        #expect(try operate.run(["restock", "demo", "2"]).output == "demo has 3 units, 2 left, paused\n")
        #expect(
            try operate.run(["restock", "thu", "-1"]).output == "thu has 4 units, 4 left, paused, admission paused\n")
        let list = try operate.run(["ls"]).output
        #expect(list.contains(#/thu +scheduled, paused, admission paused +4/#), "\(list)")
        #expect(list.contains(#/demo +paused +3/#), "\(list)")
        let watched = try operate.run(["watch", "thu", "--for", "1ms"]).output
        #expect(watched.contains("  scheduled, paused, admission paused  sold 0"), "\(watched)")
        #expect(try operate.json(["show", "thu"])["state"] as? String == "scheduled")
        #expect(try operate.run(["resume", "thu"]).output == "thu is scheduled, admission paused\n")
        #expect(try operate.run(["close", "demo"]).output == "demo is ended\n")
    }

    @Test func `says why units can't be taken away, whatever became of them`() throws {
        let operate = try Operator()
        let later = UnixMilliseconds(UnixMilliseconds.now.value + 3_600_000)
        let sale = try TestSale.create(operate.redis, stock: 5, opensAt: later)
        // As if they were withheld: none is sold.
        try operate.redis.command(["SET", "\(SaleKeys(sale).stock)", "2"])
        for line in [["restock", "demo", "-3"], ["set", "demo", "--stock", "2"]] {
            let result = try operate.run(line)
            #expect(result.code == ExitCode.cantCreate)
            #expect(
                result.errors == "salectl: \(line[0]): demo has fewer units left than that would take away\n")
        }
    }

    @Test func `changes nothing with a wrong setting`() throws {
        let operate = try Operator()
        let sale = try TestSale.create(operate.redis, stock: 3)
        let result = try operate.run(["restock", "demo", "5"], ["SALE_REDIS_REPLICAS": "two"])
        #expect(result.code == ExitCode.config)
        #expect(try operate.redis.status(sale)?.stockTotal == 3)
    }

    /// Each change succeeds, and then Redis refuses what follows: WAIT, or reading the sale's dead letters.
    @Test(
        arguments: [
            ["restock", "demo", "5"], ["set", "demo", "--title", "U"], ["pause", "demo"], ["admit", "demo", "500/s"],
            ["create", "new", "--title", "T", "--stock", "5"],
        ], ["wait", "xlen"])
    func `says that a change is done if only a later step fails`(_ line: [String], _ lost: String) throws {
        let operate = try Operator(replicas: lost == "wait" ? 1 : 0)
        let admission = NewSale.Admission(rate: 100, turnWindowMilliseconds: 60_000)
        #expect(try operate.redis.create(NewSale(sale: SaleID("demo")!, title: "T", stock: 5, admission: admission)))
        try operate.redis.command(["ACL", "SETUSER", "default", "-\(lost)"])
        let result = try operate.run(line + ["--json"])
        #expect(result.code == ExitCode.temporaryFailure)
        #expect(result.errors.contains("done, but"), "\(result.errors)")
    }

    @Test(arguments: [
        (["restock", "demo", "5"], Script.restock), (["set", "demo", "--title", "U"], .set),
        (["pause", "demo"], .control), (["close", "demo"], .control), (["admit", "demo", "500/s"], .admit),
        (["create", "new", "--title", "T", "--stock", "5"], .create), (["release", "demo"], .release),
    ])
    func `says that a change may be done if its reply is lost`(_ line: [String], _ script: Script) throws {
        let operate = try Operator()
        let admission = NewSale.Admission(rate: 100, turnWindowMilliseconds: 60_000)
        #expect(try operate.redis.create(NewSale(sale: SaleID("demo")!, title: "T", stock: 5, admission: admission)))
        try operate.redis.command(["SCRIPT", "LOAD", RedisArgument(script.source)])
        let call = Data(script.sha.utf8)
        let path = operate.server.directory.path("relay.sock")
        let isCalled = Mutex(false)
        let relay = try Relay(.unix(path: path), to: .unix(path: operate.server.socket)) { direction, piece in
            isCalled.withLock {
                if direction == .toServer, Data(piece).range(of: call) != nil { $0 = true }
                return !$0 || direction == .toServer
            }
        }
        try withExtendedLifetime(relay) {
            let result = try operate.run(line, ["SALE_REDIS_URL": "unix://\(path)"])
            #expect(result.code == ExitCode.temporaryFailure)
            #expect(result.errors.contains("it may have been done"), "\(result.errors)")
        }
    }
}
