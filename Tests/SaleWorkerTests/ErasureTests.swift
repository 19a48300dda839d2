import Foundation
import OrderStore
import RedisClient
import Shared
import TestSupport
import Testing

@Suite struct `A buyer who is erased` {
    private static let name = "alice-in-wonderland"

    /// A sale of five orders, two of them alice's, and a dead letter of hers. All is stored, and the worker has
    /// stopped.
    private func system(closed: Bool = true) throws -> (under: WorkerUnderTest, sale: SaleID) {
        let under = try WorkerUnderTest()
        let sale = try TestSale.create(under.redis, stock: 10, maxPerBuyer: 4)
        try under.sell(sale, to: 0..<2)
        _ = try TestSale.purchase(under.redis, sale, [.init(buyer: Self.name, key: "alice-1")])
        try under.sell(sale, to: 2..<3)
        _ = try TestSale.purchase(under.redis, sale, [.init(buyer: Self.name, key: "alice-2", quantity: 2)])
        try under.add(sale, ["v", "1", "kind", "refund", "buyer", "\(Self.name)", "key", "alice-3"])
        if closed { _ = try under.redis.control(sale, .close) }
        let worker = try under.start()
        #expect(under.drained(sale))
        worker.stop()
        return (under, sale)
    }

    private func erase(
        _ under: WorkerUnderTest, _ options: [String] = []
    ) throws -> (code: Int32, output: String, errors: String) {
        try under.salectl(["erase", "demo", Self.name, "--reason", "request 12"] + options)
    }

    /// Everything that either store holds.
    private func everything(_ under: WorkerUnderTest, _ sale: SaleID) throws -> String {
        var text = ""
        for file in ["", "-wal"] {
            if let bytes = FileManager.default.contents(atPath: under.database + file) {
                text += String(decoding: bytes, as: UTF8.self)
            }
        }
        let keys = SaleKeys(sale)
        for command in [
            ["HGETALL", keys.tickets], ["HGETALL", keys.buyers], ["XRANGE", keys.orders, "-", "+"],
            ["XRANGE", keys.deadLetters, "-", "+"],
        ] {
            let shell = URL(fileURLWithPath: "/usr/bin/redis-cli")
            text += try ChildProcess.run(shell, ["-s", under.server.socket] + command).output
        }
        return text
    }

    @Test func `is forgotten by the waiting room, too`() throws {
        let under = try WorkerUnderTest()
        let sale = try TestSale.create(under.redis, admission: .init(rate: 1))
        _ = try TestSale.join(under.redis, sale, ["bob", Self.name])
        _ = try under.redis.control(sale, .close)
        let worker = try under.start()
        #expect(under.drained(sale))
        worker.stop()
        #expect(try everything(under, sale).contains("alice"))
        let result = try erase(under)
        #expect(result.code == 0, "\(result.errors)")
        #expect(try !everything(under, sale).contains("alice"))
        #expect(try everything(under, sale).contains("bob"))
        #expect(try under.salectl(["erase", "demo", "alice", "--reason", "r"]).code == ExitCode.noInput)
    }

    @Test func `is in neither store any more, and both stay equal`() throws {
        let (under, sale) = try system()
        #expect(try everything(under, sale).contains("alice"))
        let ledger = try SQLiteShell.run(under.database, "SELECT entry, hex(hash) FROM ledger ORDER BY seq")
        let result = try erase(under)
        #expect(result.code == 0, "\(result.errors)")
        #expect(try !everything(under, sale).contains("alice"))
        #expect(try SQLiteShell.run(under.database, "SELECT entry, hex(hash) FROM ledger ORDER BY seq") == ledger)
        #expect(try under.reconciled(sale))
        #expect(try under.deadLetters(sale).count == 1)

        let orders = try #require(try under.stored(sale)).orders
        #expect(orders.map(\.quantity) == [1, 1, 1, 1, 2])
        #expect(orders[2].buyer.hasPrefix("erased:") && orders[2].buyer == orders[4].buyer)
        let report = "sale          demo\nerased        \(orders[2].buyer)\norders        2\ndead_letters  1\n"
        #expect(result.output == report)
        #expect(ledger.joined().contains(orders[2].buyer.dropFirst(7)))
        #expect([orders[2].key, orders[4].key] == ["erased-3", "erased-5"])
        #expect(orders.map(\.buyer).filter { $0.hasPrefix("buyer-") }.count == 3)
        let audit = try SQLiteShell.run(under.database, "SELECT action, subject, reason, outcome FROM audit")
        #expect(audit == ["erase|\(orders[2].buyer)|request 12|2 orders, 1 dead letter"])

        // A second request finds nothing left to erase.
        #expect(
            try erase(under, ["--json"]).output
                == "{\"sale\":\"demo\",\"erased\":\"\(orders[2].buyer)\",\"orders\":0,\"dead_letters\":0}\n")
        try under.start()
        #expect(under.drained(sale))
        #expect(try under.stored(sale)?.orders == orders)
        #expect(try under.deadLetters(sale).count == 1)
        #expect(try under.reconciled(sale))
    }

    @Test func `is erased on the second try if somebody was reading the file`() throws {
        let (under, sale) = try system()
        #expect(try under.salectl(["dlq", "discard", "demo", "--all", "--reason", "r"]).code == 0)
        try under.start()
        #expect(under.drained(sale))
        let archived = try under.salectl(["archive", "demo"])
        #expect(archived.code == 0, "\(archived.errors)")
        under.worker?.stop()
        let reader = try SQLiteLock(under.database, readOnly: true)
        let first = try erase(under)
        #expect(first.code == ExitCode.unavailable)
        #expect(first.errors.contains("run it again"), "\(first.errors)")
        reader.release()
        let second = try erase(under)
        #expect(second.code == 0, "\(second.errors)")
        #expect(try !everything(under, sale).contains("alice"))
    }

    @Test func `does not come back when the database is lost and made again from the stream`() throws {
        let (under, sale) = try system()
        let names =
            "SELECT entry ->> 'position', entry ->> 'buyer' FROM ledger WHERE entry ->> 'kind' = 'order' ORDER BY 1"
        let ledger = try SQLiteShell.run(under.database, names)
        #expect(try erase(under).code == 0)
        removeDatabase(under.database)
        try under.start()
        #expect(under.drained(sale))
        #expect(try under.stored(sale)?.sold == 6)
        #expect(try under.stored(sale)?.persistedPosition == 5)
        #expect(try SQLiteShell.run(under.database, names) == ledger, "receipts agree with the ledger still")
        #expect(try !everything(under, sale).contains("alice"))
        #expect(try under.reconciled(sale))
    }

    @Test func `is kept while the sale goes on`() throws {
        let (under, sale) = try system(closed: false)
        let before = try everything(under, sale)
        let refused = try erase(under)
        #expect(refused.code == ExitCode.unavailable)
        #expect(refused.errors.contains("demo has not ended"))
        #expect(try everything(under, sale) == before)
    }

    @Test func `is kept until SQLite has all of the buyer's orders`() throws {
        let (under, sale) = try system(closed: false)
        let reply = try TestSale.purchase(under.redis, sale, [.init(buyer: Self.name, key: "alice-4")])
        #expect(reply.codes == "S")
        _ = try under.redis.control(sale, .close)
        let before = try everything(under, sale)
        let refused = try erase(under)
        #expect(refused.code == ExitCode.unavailable)
        #expect(refused.errors.contains("SQLite does not have position 6 of this buyer yet"))
        #expect(try everything(under, sale) == before)
    }

    @Test func `is erased completely by a second try after the first stopped half-way`() throws {
        let (under, sale) = try system()
        do {
            let store = try OrderStore(path: under.database)
            let erased = try #require(try store.erased(Self.name, of: sale))
            #expect(try store.erase(erased, of: sale, reason: "r", unless: false)?.orders == 2)
        }
        #expect(try !under.reconciled(sale))
        #expect(try erase(under).code == 0)
        #expect(try !everything(under, sale).contains("alice"))
        #expect(try under.reconciled(sale))
    }
}
