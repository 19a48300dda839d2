import Glibc
import OrderStore
import RedisClient
import Shared
import TestSupport
import Testing

@Suite struct `A dead letter` {
    /// Adds an order by another buyer at position 1.
    private func addImpostor(_ under: WorkerUnderTest, _ sale: SaleID) throws {
        try under.add(
            sale,
            [
                "v", "1", "kind", "order", "order", "demo-1", "position", "1", "buyer", "an-impostor", "quantity", "1",
                "key", "k", "trace", RedisArgument(String(repeating: "b", count: 32)), "at_ms", "1", "epoch", "1",
            ])
    }

    @Test func `is a poison entry with its own fields, byte for byte, and its neighbours are stored`() throws {
        let under = try WorkerUnderTest()
        let sale = try TestSale.create(under.redis, stock: 10)
        try under.sell(sale, to: 0..<2)
        let id = try under.add(sale, ["v", "1", "kind", RedisArgument([0xFF, 0x00, 0x0A]), "", "empty name"])
        try under.sell(sale, to: 2..<4)
        try under.start()
        #expect(under.drained(sale))
        #expect(try under.account(sale)?.orders.map(\.id.position) == [1, 2, 3, 4])
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

    @Test func `of a contradiction pauses the sale and raises an alarm`() throws {
        let under = try WorkerUnderTest()
        let sale = try TestSale.create(under.redis, stock: 10)
        try under.sell(sale, to: 0..<1)
        let worker = try under.start()
        #expect(under.drained(sale))
        try addImpostor(under, sale)
        #expect(under.drained(sale))
        #expect(try under.redis.status(sale)?.paused == true)
        #expect(try under.account(sale)?.orders.map(\.buyer) == ["buyer-0"])
        let letters = try under.deadLetters(sale)
        #expect(letters.first?.contains { $0.name == "dlq_reason" && $0.value == Array("contradiction".utf8) } == true)
        #expect(eventually { worker.errors.contains("\"contradiction\"") })
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
        try addImpostor(under, sale)
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
        try addImpostor(under, sale)
        let killed = try under.start(["SALE_WORKER_FAILPOINT": "after_dead_letter"])
        #expect(killed.wait() == -SIGKILL)
        try under.start()
        let isNoted = { try SQLiteShell.run(under.database, "SELECT moved_at_ms > 0 FROM dead_letters") == ["1"] }
        #expect(try eventually { try isNoted() })
        #expect(try under.redis.control(sale, .resume) == nil)
        #expect(under.drained(sale))
        try under.redis.command([
            "XGROUP", "DESTROY", RedisArgument(SaleKeys(sale).orders), RedisArgument(SaleKeys.group),
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
        #expect(try under.account(sale)?.sold == 3)
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
        try under.redis.command(["XGROUP", "CREATE", RedisArgument(keys.orders), RedisArgument(SaleKeys.group), "0"])
        try under.redis.command([
            "XREADGROUP", "GROUP", RedisArgument(SaleKeys.group), RedisArgument(consumer), "STREAMS",
            RedisArgument(keys.orders), ">",
        ])
        try under.redis.command(["XDEL", RedisArgument(keys.orders), RedisArgument(id)])
        try under.sell(sale, to: 0..<3)
        try under.start()
        #expect(under.drained(sale))
        #expect(try under.account(sale)?.sold == 3)
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
            "EVAL", RedisArgument(script), "1", RedisArgument(SaleKeys(sale).orders), RedisArgument(SaleKeys.group),
        ])
        #expect(eventually { worker.errors.contains("store_failed") })
        lock.release()
        #expect(try eventually { try under.deadLetters(sale).count == 1 })
        let row = try SQLiteShell.run(under.database, "SELECT reason, fields IS NULL FROM dead_letters")
        #expect(row == ["malformed|1"])
    }
}
