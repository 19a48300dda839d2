import Foundation
import Glibc
import LuaScripts
import OrderStore
import RedisClient
import Shared
import Synchronization
import TestSupport
import Testing

@testable import SaleWorker

@Suite struct `A dead letter` {
    @Test func `is a poison entry with its own fields, byte for byte, and its neighbours are stored`() throws {
        let under = try WorkerUnderTest()
        let sale = try TestSale.create(under.redis, stock: 10)
        try under.sell(sale, to: 0..<2)
        let id = try under.add(sale, ["v", "1", "kind", RedisArgument([0xFF, 0x00, 0x0A]), "", "empty name"])
        try under.sell(sale, to: 2..<4)
        try under.start()
        #expect(under.drained(sale))
        #expect(try under.stored(sale)?.orders.map(\.id.position) == [1, 2, 3, 4])
        let letters = try under.deadLetters(sale)
        let letter = try #require(letters.first)
        #expect(letters.count == 1)
        let ours = Dictionary(
            uniqueKeysWithValues: letter.prefix { $0.name.hasPrefix("dlq_") }.map { ($0.name, $0.value) })
        func text(_ name: String) -> String { String(decoding: ours[name] ?? [], as: UTF8.self) }
        #expect(text("dlq_id") == id)
        #expect(text("dlq_reason") == "malformed")
        #expect(text("dlq_message").contains("kind"))
        #expect(text("dlq_attempts") == "1")
        #expect(text("dlq_worker") == "tester")
        #expect(text("dlq_release") == Release.version)
        let theirs = letter.drop { $0.name.hasPrefix("dlq_") }
        #expect(theirs.map(\.name) == ["v", "kind", ""])
        #expect(theirs.map(\.value) == [[0x31], [0xFF, 0x00, 0x0A], Array("empty name".utf8)])
    }

    @Test func `accounts for its position, also if nothing is stored after it`() throws {
        let under = try WorkerUnderTest()
        let sale = try TestSale.create(under.redis, stock: 10)
        try under.sell(sale, to: 0..<2)
        try under.start()
        #expect(under.drained(sale))
        try under.redis.command(["INCR", "\(SaleKeys(sale).position)"])
        try under.add(sale, ["v", "1", "kind", "order", "order", "demo-3", "position", "3", "buyer", "without-a-key"])
        #expect(try eventually { try under.redis.status(sale)?.persistedPosition == 3 })
        #expect(try under.deadLetters(sale).count == 1)
    }

    /// A sale whose creation is not on the stream, so that SQLite does not have it.
    private func saleWithoutCreation(_ under: WorkerUnderTest) throws -> SaleID {
        let sale = try TestSale.create(under.redis, stock: 10)
        let creation = try #require(try under.redis.lastEntryID(of: sale))
        try under.redis.command(["XDEL", "\(SaleKeys(sale).orders)", "\(creation)"])
        return sale
    }

    /// Delivered again with the rest of the stream, an entry that kills the worker would seem new each time.
    @Test func `is not delivered again to the next worker, even if its sale is not stored`() throws {
        let under = try WorkerUnderTest()
        let sale = try saleWithoutCreation(under)
        try under.sell(sale, to: 0..<3)
        let first = try under.start()
        #expect(under.drained(sale))
        first.stop()
        try under.sell(sale, to: 3..<4)
        try under.start()
        #expect(under.drained(sale))
        let metrics = try UnixHTTPClient(under.opsSocket).ask("GET", "/metrics").body
        #expect(metrics.contains("\nsale_worker_entries_total{outcome=\"repeated\"} 0\n"), "\(metrics)")
        #expect(try under.deadLetters(sale).count == 4)
    }

    @Test func `is counted for the alert, even if its sale is not stored`() throws {
        let under = try WorkerUnderTest()
        let sale = try saleWithoutCreation(under)
        try under.sell(sale, to: 0..<3)
        try under.start()
        let metrics = { (try? UnixHTTPClient(under.opsSocket).ask("GET", "/metrics").body) ?? "" }
        #expect(
            eventually { metrics().contains("\nsale_dead_letters_open{sale=\"demo\"} 3\n") }, "\(metrics())")
    }

    @Test func `of a contradiction pauses the sale and raises an alarm`() throws {
        let under = try WorkerUnderTest()
        let sale = try TestSale.create(under.redis, stock: 10)
        try under.sell(sale, to: 0..<1)
        let worker = try under.start()
        #expect(under.drained(sale))
        try under.addImpostor(sale)
        #expect(under.drained(sale))
        #expect(try under.redis.status(sale)?.paused == true)
        #expect(try under.stored(sale)?.orders.map(\.buyer) == ["buyer-0"])
        let letters = try under.deadLetters(sale)
        #expect(letters.first?.contains { $0.name == "dlq_reason" && $0.value == Array("contradiction".utf8) } == true)
        #expect(eventually { worker.errors.contains("\"contradiction\"") })
    }

    @Test func `that Redis does not take stays pending, and the sale's other entries are stored meanwhile`() throws {
        let under = try WorkerUnderTest()
        let sale = try TestSale.create(under.redis, stock: 10)
        let letters = RedisArgument(SaleKeys(sale).deadLetters)
        try under.redis.command(["SET", letters, "not a stream"])
        try under.add(sale, ["rubbish", "1"])
        try under.sell(sale, to: 0..<2)
        try under.add(sale, ["rubbish", "2"])
        var worker = try under.start()
        #expect(eventually { (try? under.stored(sale)?.sold) == 2 }, "\(worker.errors)")
        try under.sell(sale, to: 2..<4)
        #expect(eventually { (try? under.stored(sale)?.sold) == 4 }, "\(worker.errors)")
        #expect(worker.errors.components(separatedBy: "dead_letter_stuck").count - 1 == 2)
        worker.stop(SIGKILL)
        try under.sell(sale, to: 4..<6)
        worker = try under.start()
        #expect(eventually { (try? under.stored(sale)?.sold) == 6 }, "\(worker.errors)")
        let progress = try under.redis.progress(of: sale)
        #expect(progress?.pending == 2)
        try under.redis.command(["DEL", letters])
        #expect(under.drained(sale))
        #expect(try under.deadLetters(sale).map { $0.last?.value } == [[0x31], [0x32]])
    }

    @Test func `of a contradiction that Redis does not take pauses the sale once, and it can be resumed`() throws {
        let under = try WorkerUnderTest()
        let sale = try TestSale.create(under.redis, stock: 10)
        try under.sell(sale, to: 0..<1)
        try under.redis.command(["SET", "\(SaleKeys(sale).deadLetters)", "not a stream"])
        try under.addImpostor(sale)
        let worker = try under.start()
        #expect(eventually { worker.errors.contains("dead_letter_stuck") }, "\(worker.errors)")
        #expect(try under.redis.control(sale, .resume) == nil)
        let attempts = { try SQLiteShell.run(under.database, "SELECT attempts FROM dead_letters").first ?? "" }
        let before = try attempts()
        #expect(try eventually { try attempts() != before })
        let again = try attempts()
        #expect(try eventually { try attempts() != again }, "a try that began before the resumption is over")
        #expect(try under.redis.status(sale)?.paused == false)
        #expect(worker.errors.components(separatedBy: "dead_letter_stuck").count - 1 == 1)
    }

    @Test func `of a contradiction does not pause a sale that is being archived`() throws {
        let under = try WorkerUnderTest()
        let sale = try TestSale.create(under.redis, stock: 10)
        try under.sell(sale, to: 0..<1)
        let worker = try under.start()
        #expect(try under.redis.control(sale, .close) == nil)
        let uuid = try #require(try under.redis.status(sale)?.uuid)
        _ = try under.redis.beginArchive(sale, uuid: uuid)
        #expect(under.drained(sale))
        try under.addImpostor(sale)
        #expect(under.drained(sale), "\(worker.errors)")
        #expect(try under.deadLetters(sale).count == 1)
        #expect(eventually { worker.errors.contains(#""sale_paused":false"#) })
        #expect(try under.redis.status(sale)?.paused == false)
        #expect(try under.salectl(["pause", "demo"]).errors.contains("demo is archived"))
    }

    @Test func `is moved once, even if the worker dies before noting it and the group is lost later`() throws {
        let under = try WorkerUnderTest()
        let sale = try TestSale.create(under.redis, stock: 10)
        try under.sell(sale, to: 0..<1)
        try under.addImpostor(sale)
        let killed = try under.start(["SALE_WORKER_FAILPOINT": "after_dead_letter"])
        #expect(killed.wait() == -SIGKILL)
        try under.start()
        #expect(try eventually { try under.isNoted() })
        #expect(try under.redis.control(sale, .resume) == nil)
        #expect(under.drained(sale))
        try under.redis.command([
            "XGROUP", "DESTROY", "\(SaleKeys(sale).orders)", "\(SaleKeys.group)",
        ])
        #expect(under.drained(sale))
        #expect(try under.deadLetters(sale).count == 1)
        #expect(try under.redis.status(sale)?.paused == false)
    }

    @Test func `holds an entry of any size`() throws {
        let under = try WorkerUnderTest()
        let sale = try TestSale.create(under.redis, stock: 10)
        // More words than Lua can unpack onto its stack, and a value of a megabyte.
        try under.add(sale, (0..<9000).map { RedisArgument("w\($0)") })
        try under.add(sale, ["big", RedisArgument([UInt8](repeating: 0x78, count: 1 << 20))])
        try under.sell(sale, to: 0..<3)
        try under.start()
        #expect(under.drained(sale))
        #expect(try under.stored(sale)?.sold == 3)
        let letters = try under.deadLetters(sale)
        #expect(letters.count == 2)
        let packed = String(decoding: letters.first?.last?.value ?? [], as: UTF8.self)
        #expect(packed.hasPrefix("*9000\r\n$2\r\nw0\r\n"))
        #expect(packed.hasSuffix("\r\nw8999\r\n"))
        #expect(letters.last?.last?.value.count == 1 << 20)
    }

    @Test(arguments: ["tester", "another"])
    func `is made of an entry that was deleted while pending`(_ consumer: String) throws {
        let under = try WorkerUnderTest()
        let sale = try TestSale.create(under.redis, stock: 10)
        let keys = SaleKeys(sale)
        let id = try under.add(sale, ["rubbish", "1"])
        try under.redis.command(["XGROUP", "CREATE", "\(keys.orders)", "\(SaleKeys.group)", "0"])
        try under.redis.command([
            "XREADGROUP", "GROUP", "\(SaleKeys.group)", "\(consumer)", "STREAMS",
            "\(keys.orders)", ">",
        ])
        try under.redis.command(["XDEL", "\(keys.orders)", "\(id)"])
        try under.sell(sale, to: 0..<3)
        try under.start()
        #expect(under.drained(sale))
        #expect(try under.stored(sale)?.sold == 3)
        #expect(try eventually { try under.deadLetters(sale).count == 1 })
    }

    @Test func `is made of an entry that was deleted while pending, even if it can't be stored at first`() throws {
        let under = try WorkerUnderTest()
        let sale = try TestSale.create(under.redis, stock: 10)
        let worker = try under.start()
        #expect(under.drained(sale))
        let lock = try SQLiteLock(under.database)
        // In one step, before the worker can read it: delivered to a worker that is gone, and deleted.
        let script = """
            local id = redis.call('XADD', KEYS[1], '*', 'rubbish', '1')
            redis.call('XREADGROUP', 'GROUP', ARGV[1], 'gone', 'STREAMS', KEYS[1], '>')
            redis.call('XDEL', KEYS[1], id)
            """
        try under.redis.command([
            "EVAL", "\(script)", "1", "\(SaleKeys(sale).orders)", "\(SaleKeys.group)",
        ])
        #expect(eventually { worker.errors.contains("store_failed") })
        lock.release()
        #expect(try eventually { try under.deadLetters(sale).count == 1 })
        let row = try SQLiteShell.run(under.database, "SELECT reason, fields IS NULL FROM dead_letters")
        #expect(row == ["malformed|1"])
    }

    /// Adds an entry that is deleted as soon as a worker that is gone has been given it, and an order.
    private func addDeleted(_ under: WorkerUnderTest, _ sale: SaleID) throws {
        let (stream, group) = (RedisArgument(SaleKeys(sale).orders), RedisArgument(SaleKeys.group))
        let id = try under.add(sale, ["rubbish", "1"])
        try under.redis.command(["XGROUP", "CREATE", stream, group, "0"])
        try under.redis.command(["XREADGROUP", "GROUP", group, "gone", "STREAMS", stream, ">"])
        try under.redis.command(["XDEL", stream, "\(id)"])
        try under.sell(sale, to: 0..<1)
    }

    @Test(arguments: Failpoint.Step.allCases)
    func `is made once of an entry that was deleted while pending, wherever the worker is killed`(
        _ step: Failpoint.Step
    ) throws {
        let under = try WorkerUnderTest()
        let sale = try TestSale.create(under.redis, stock: 10)
        try addDeleted(under, sale)
        let killed = try under.start(["SALE_WORKER_FAILPOINT": step.rawValue])
        #expect(killed.wait() == -SIGKILL)
        try under.start()
        #expect(eventually { (try? under.isNoted()) == true })
        #expect(try under.deadLetters(sale).count == 1)
    }

    @Test(arguments: [false, true])
    func `is moved once, even if Redis' reply is lost`(_ isDeleted: Bool) throws {
        let under = try WorkerUnderTest()
        let sale = try TestSale.create(under.redis, stock: 10)
        if isDeleted { try addDeleted(under, sale) } else { try under.add(sale, ["rubbish", "1"]) }
        // Loses one reply: that of the script that moves an entry, which Redis knows.
        try under.redis.command(["SCRIPT", "LOAD", RedisArgument(Script.deadletter.source)])
        let moving = Atomic(false)
        let lost = Atomic(false)
        let path = under.server.directory.path("lossy.sock")
        let relay = try Relay(.unix(path: path), to: .unix(path: under.server.socket)) { direction, piece in
            if direction == .toServer, piece.contains(Array("dlq_id".utf8)) { moving.store(true, ordering: .relaxed) }
            guard direction == .toClient, moving.load(ordering: .relaxed) else { return true }
            return lost.exchange(true, ordering: .relaxed)
        }
        try under.start(["SALE_REDIS_URL": "unix://\(path)"])
        #expect(eventually { (try? under.isNoted()) == true })
        let wasLost = lost.load(ordering: .relaxed)
        #expect(wasLost)
        #expect(try under.deadLetters(sale).count == 1)
        withExtendedLifetime(relay) {}
    }
}
