import Foundation
import Glibc
import OrderStore
import RedisClient
import Shared
import TestSupport
import Testing

@Suite struct `A sale that is changed` {
    private static let sale = SaleID("demo")!

    private func begin(stock: Int = 3, opensAt: UnixMilliseconds? = nil) throws -> WorkerUnderTest {
        let under = try WorkerUnderTest()
        try TestSale.create(under.redis, stock: stock, opensAt: opensAt)
        return under
    }

    private func soon(_ milliseconds: Int) -> UnixMilliseconds {
        UnixMilliseconds(UnixMilliseconds.now.value + milliseconds)
    }

    @Test func `sells again after a restock, and SQLite and the ledger know it`() throws {
        let under = try begin()
        try under.start()
        try under.sell(Self.sale, to: 0..<4)
        #expect(try under.redis.status(Self.sale)?.state == .soldOut)
        let said = try under.salectl(["restock", "demo", "2"])
        #expect(said.output == "demo has 5 units, 2 left\n", "\(said.errors)")
        #expect(try under.redis.status(Self.sale)?.state == .open)
        try under.sell(Self.sale, to: 4..<7)
        #expect(try under.redis.status(Self.sale)?.state == .soldOut)
        #expect(under.drained(Self.sale))
        #expect(try under.reconciled(Self.sale))
        let stored = try #require(try under.stored(Self.sale))
        #expect(stored.record.stockTotal == 5)
        #expect(stored.sold == 5)
        let ledger = try SQLiteShell.run(under.database, "SELECT entry FROM ledger WHERE entry LIKE '%restock%'")
        #expect(ledger.count == 1)
        #expect(ledger[0].contains(#""units":2"#))
    }

    @Test func `has a backlog, and no damage, while its changes are on the stream`() throws {
        let under = try begin()
        let worker = try under.start()
        #expect(under.drained(Self.sale))
        worker.stop(SIGKILL)
        #expect(try under.salectl(["restock", "demo", "4"]).code == 0)
        #expect(try under.salectl(["set", "demo", "--title", "T2"]).code == 0)
        #expect(try under.salectl(["pause", "demo"]).code == 0)
        let waiting = try under.salectl(["reconcile", "demo"])
        #expect(waiting.code == ExitCode.negative)
        #expect(waiting.output.contains("a restock of 4 units is on the stream"))
        #expect(waiting.output.contains("it is paused in Redis, not paused in SQLite"))
        #expect(waiting.output.contains("only the worker's backlog differs"))
        #expect(!waiting.output.contains("stock_total"))
        try under.start()
        #expect(under.drained(Self.sale))
        #expect(try under.reconciled(Self.sale))
    }

    @Test func `has the restocked total when it is completed on an emptied Redis`() throws {
        let under = try begin()
        let worker = try under.start()
        try under.sell(Self.sale, to: 0..<3)
        #expect(try under.salectl(["restock", "demo", "4"]).code == 0)
        #expect(under.drained(Self.sale))
        try under.redis.command(["FLUSHALL"])
        #expect(eventually { worker.errors.contains("fence_lifted") }, "\(worker.errors)")
        let status = try #require(try under.redis.status(Self.sale))
        #expect(status.stockTotal == 7)
        #expect(status.remaining == 4)
        try under.sell(Self.sale, to: 3..<9)
        #expect(under.drained(Self.sale))
        #expect(try under.stored(Self.sale)?.sold == 7)
        #expect(try under.reconciled(Self.sale))
    }

    @Test(arguments: [4, -2])
    func `has the changed total on an emptied Redis, though its restock is a dead letter`(_ units: Int) throws {
        let under = try begin(opensAt: units < 0 ? soon(3_600_000) : nil)
        let worker = try under.start()
        #expect(under.drained(Self.sale))
        try under.refuse("restocks")
        #expect(try under.salectl(["restock", "demo", "\(units)"]).code == 0)
        #expect(under.drained(Self.sale))
        #expect(try under.reconciled(Self.sale))
        try under.redis.command(["FLUSHALL"])
        #expect(eventually { worker.errors.contains("fence_lifted") }, "\(worker.errors)")
        #expect(try under.redis.status(Self.sale)?.stockTotal == 3 + units)
        worker.stop()
        try under.acceptAgain()
        let redriven = try under.salectl(["dlq", "redrive", "demo", "--all", "--reason", "r"])
        #expect(redriven.output.contains("applied 1"), "\(redriven.output)")
        #expect(!redriven.output.contains("fenced"))
        #expect(try under.stored(Self.sale)?.record.stockTotal == 3 + units)
        #expect(try under.reconciled(Self.sale))
    }

    /// A sale of three units that were made seven, of which SQLite has a dead letter, and could store it now. No worker
    /// runs.
    private func restockedInVain() throws -> WorkerUnderTest {
        let under = try begin()
        let worker = try under.start()
        #expect(under.drained(Self.sale))
        try under.refuse("restocks")
        #expect(try under.salectl(["restock", "demo", "4"]).code == 0)
        #expect(under.drained(Self.sale))
        worker.stop()
        try under.acceptAgain()
        return under
    }

    @Test func `counts a restock once that the stream brings again while it is a dead letter`() throws {
        let under = try restockedInVain()
        try under.redis.command(["XGROUP", "DESTROY", "sale:{demo}:orders", "\(SaleKeys.group)"])
        try under.start()
        #expect(eventually { (try? under.stored(Self.sale)?.record.stockTotal) == 7 })
        #expect(under.drained(Self.sale))
        #expect(try under.stored(Self.sale)?.openDeadLetters == 0)
        #expect(try under.reconciled(Self.sale))
    }

    @Test func `counts a restock once, also in a database that is older than the completed Redis`() throws {
        let under = try restockedInVain()
        let copy = under.server.directory.path("older.db")
        _ = try SQLiteShell.run(under.database, ".backup \(copy)")
        let worker = try under.start()
        try under.redis.command(["FLUSHALL"])
        #expect(eventually { worker.errors.contains("fence_lifted") }, "\(worker.errors)")
        worker.stop()
        removeDatabase(under.database)
        try FileManager.default.copyItem(atPath: copy, toPath: under.database)
        try under.start()
        #expect(eventually { (try? under.stored(Self.sale)?.record.stockTotal) == 7 })
        #expect(under.drained(Self.sale))
        #expect(try under.reconciled(Self.sale))
    }

    @Test func `keeps a restock of which units are sold`() throws {
        let under = try restockedInVain()
        try under.sell(Self.sale, to: 0..<4)
        let worker = try under.start()
        #expect(under.drained(Self.sale))
        worker.stop()
        let letter = ["--filter", "reason=unstorable", "--reason", "r"]
        for rehearses in [["--dry-run"], []] {
            let refused = try under.salectl(["dlq", "discard", "demo", "--all"] + letter + rehearses)
            #expect(refused.code == ExitCode.unavailable)
            #expect(refused.errors.contains("1 unit of that restock is sold: redrive it"), "\(refused.errors)")
            #expect(try under.redis.servingRunID(of: Self.sale) == under.redis.facts.runID, "it goes on selling")
        }
        // The order that did not fit becomes one then.
        #expect(try under.salectl(["dlq", "redrive", "demo", "--all", "--reason", "r"]).code == 0)
        try under.start()
        #expect(under.drained(Self.sale))
        #expect(try under.stored(Self.sale)?.sold == 4)
        #expect(try under.reconciled(Self.sale))
    }

    @Test func `counts a restock once that came before its sale could be stored`() throws {
        let under = try WorkerUnderTest()
        _ = try OrderStore(path: under.database)
        try under.refuse("sales")
        try TestSale.create(under.redis, stock: 3)
        #expect(try under.salectl(["restock", "demo", "4"]).code == 0)
        let token = under.server.directory.path("ops.token")
        try "the-operators-token-of-this-test-0\n".write(toFile: token, atomically: true, encoding: .utf8)
        let worker = try under.start(["SALE_OPS_TOKEN_FILE": token])
        let unmoved = "SELECT count(*) FROM dead_letters WHERE moved_at_ms IS NULL"
        #expect(under.drained(Self.sale) && eventually { (try? SQLiteShell.run(under.database, unmoved)) == ["0"] })
        try under.acceptAgain()
        let redriven = try under.salectl(
            ["dlq", "redrive", "demo", "--all", "--reason", "r"],
            ["SALE_OPS_LISTEN": "unix:\(under.opsSocket)", "SALE_OPS_TOKEN_FILE": token])
        #expect(redriven.output.contains("2 letters, applied 2"), "\(redriven.output)\(redriven.errors)")
        let compared = try under.salectl(["reconcile", "demo"])
        #expect(compared.code == 0, "\(compared.output)")
        // The same worker compares Redis once more: it has seven units, not eleven.
        try under.redis.fence(Self.sale)
        #expect(eventually { worker.errors.contains("fence_lifted") }, "\(worker.errors)")
        #expect(try under.redis.status(Self.sale)?.remaining == 7)
        #expect(!worker.errors.contains("redis_completed"))
    }

    @Test func `sells no longer with a restock that is discarded`() throws {
        let under = try restockedInVain()
        let discarded = try under.salectl(["dlq", "discard", "demo", "--all", "--reason", "r"])
        #expect(discarded.output.contains("demo is fenced"), "\(discarded.output)")
        let worker = try under.start()
        #expect(eventually { worker.errors.contains("fence_lifted") }, "\(worker.errors)")
        #expect(try under.redis.status(Self.sale)?.remaining == 3)
        #expect(try under.reconciled(Self.sale))
    }

    @Test func `is completed when a restock is redriven that its Redis lacks`() throws {
        let under = try restockedInVain()
        // As an earlier release would have completed it.
        try under.redis.command(["HSET", "sale:{demo}", "stock_total", "3"])
        try under.redis.command(["SET", "sale:{demo}:stock", "3"])
        let redriven = try under.salectl(["dlq", "redrive", "demo", "--all", "--reason", "r"])
        #expect(redriven.output.contains("demo is fenced"), "\(redriven.output)")
        let second = try under.start()
        #expect(eventually { second.errors.contains("fence_lifted") }, "\(second.errors)")
        #expect(try under.redis.status(Self.sale)?.remaining == 7)
        #expect(try under.reconciled(Self.sale))
    }

    @Test func `has the restocked total on a Redis that is older than the restock`() throws {
        let under = try begin()
        let worker = try under.start()
        #expect(try under.salectl(["restock", "demo", "4"]).code == 0)
        #expect(under.drained(Self.sale))
        worker.stop(SIGKILL)
        let keys = SaleKeys(Self.sale)
        try under.redis.command([
            "HSET", "\(keys.sale)", "stock_total", "3", "serving_run_id", "an earlier life",
        ])
        try under.redis.command(["SET", "\(keys.stock)", "3"])
        let second = try under.start()
        #expect(eventually { second.errors.contains("fence_lifted") }, "\(second.errors)")
        #expect(try under.redis.status(Self.sale)?.remaining == 7)
        #expect(try under.reconciled(Self.sale))
    }

    @Test func `before it opens can shrink, be renamed and moved, in one step or not at all`() throws {
        let under = try begin(stock: 10, opensAt: soon(3_600_000))
        try under.start()
        #expect(try under.salectl(["restock", "demo", "-4"]).output == "demo has 6 units, 6 left\n")
        #expect(try under.salectl(["restock", "demo", "-7"]).code == ExitCode.cantCreate)
        let all = ["set", "demo", "--title", "A new name", "--stock", "8", "--opens-at", "now", "--closes-at", "+1h"]
        // It would close before it opens, so nothing changes.
        #expect(
            try under.salectl(["set", "demo", "--title", "x", "--opens-at", "+2h", "--closes-at", "+1h"]).code
                == ExitCode.cantCreate)
        #expect(try under.redis.status(Self.sale)?.title == "A test")
        #expect(try under.salectl(all).code == 0)
        let status = try #require(try under.redis.status(Self.sale))
        #expect(status.title == "A new name")
        #expect(status.stockTotal == 8)
        #expect(status.state == .open)
        #expect(under.drained(Self.sale))
        #expect(try under.reconciled(Self.sale))
        let stored = try #require(try under.stored(Self.sale))
        #expect(stored.record.title == "A new name")
        #expect(stored.record.stockTotal == 8)
        #expect(stored.record.settings.closesAt == status.closesAt)
    }

    @Test func `once it has opened keeps its opening time, and can only grow`() throws {
        let under = try begin()
        for line in [
            ["restock", "demo", "-1"], ["set", "demo", "--stock", "9"], ["set", "demo", "--opens-at", "+1h"],
        ] {
            let refused = try under.salectl(line)
            #expect(refused.code == ExitCode.cantCreate, "\(line)")
            #expect(refused.errors.contains("has opened"))
        }
        #expect(try under.salectl(["set", "demo", "--closes-at", "+1h", "--title", "T"]).code == 0)
        #expect(try under.redis.status(Self.sale)?.stockTotal == 3)
    }

    @Test func `is left as it is if it has ended, is fenced or does not exist`() throws {
        let under = try begin()
        #expect(try under.salectl(["restock", "ghost", "1"]).code == ExitCode.noInput)
        #expect(try under.salectl(["set", "ghost", "--title", "T"]).code == ExitCode.noInput)
        #expect(try under.salectl(["set", "demo"]).code == ExitCode.usage)
        #expect(try under.salectl(["restock", "demo", "0"]).code == ExitCode.usage)
        let keys = SaleKeys(Self.sale)
        try under.redis.command(["HSET", "\(keys.sale)", "serving_run_id", "an earlier life"])
        #expect(try under.salectl(["restock", "demo", "1"]).code == ExitCode.unavailable)
        #expect(try under.salectl(["set", "demo", "--title", "T"]).code == ExitCode.unavailable)
        try under.redis.command([
            "HSET", "\(keys.sale)", "serving_run_id", "\(under.redis.facts.runID)",
        ])
        #expect(try under.redis.control(Self.sale, .close) == nil)
        #expect(try under.salectl(["restock", "demo", "1"]).errors.contains("has ended"))
        #expect(try under.salectl(["set", "demo", "--closes-at", "+1h"]).errors.contains("has ended"))
        #expect(try under.salectl(["set", "demo", "--title", "Over"]).code == 0)
        #expect(try under.redis.status(Self.sale)?.stockTotal == 3)
    }
}
