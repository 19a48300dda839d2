import Foundation
import OrderStore
import RedisClient
import Shared
import TestSupport
import Testing

@Suite struct `salectl dlq` {
    /// A sale with two dead letters: its third order, which SQLite would take now, and a piece of rubbish. The worker
    /// has stopped.
    private func system() throws -> (under: WorkerUnderTest, sale: SaleID, letter: String, rubbish: String) {
        let under = try WorkerUnderTest()
        let sale = try TestSale.create(under.redis, stock: 10)
        let worker = try under.start()
        #expect(under.drained(sale))
        try under.refuse("orders", when: "NEW.buyer = 'buyer-2'")
        try under.sell(sale, to: 0..<5)
        let rubbish = try under.add(sale, ["v", "1", "kind", RedisArgument([0xFF, 0x00, 0x0A]), "", "a \\ b"])
        #expect(under.drained(sale))
        worker.stop()
        try under.acceptAgain()
        let letter = try SQLiteShell.run(
            under.database, "SELECT stream_id FROM dead_letters WHERE reason = 'unstorable'")
        return (under, sale, letter[0], rubbish)
    }

    private func json(_ under: WorkerUnderTest, _ line: [String]) throws -> [String: Any] {
        let result = try under.salectl(line + ["--json"])
        return try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any] ?? [:]
    }

    @Test func `lists and shows dead letters beside a running worker, every field byte for byte`() throws {
        let (under, _, letter, rubbish) = try system()
        try under.start()
        let all = try json(under, ["dlq", "ls"])["letters"] as? [[String: Any]] ?? []
        #expect(all.compactMap { $0["letter"] as? String } == [letter, rubbish])
        let some = try under.salectl(["dlq", "ls", "demo", "--filter", "reason=malformed", "--filter", "open"])
        #expect(some.output.split(separator: "\n").count == 2)
        #expect(some.output.contains(rubbish))
        let shown = try under.salectl(["dlq", "show", "demo", rubbish]).output
        #expect(shown.contains("reason           malformed"))
        #expect(shown.contains("worker           tester"))
        #expect(shown.contains("  kind  \\xff\\x00\\n"))
        #expect(shown.contains("a \\\\ b"))
        let order = try json(under, ["dlq", "show", "demo", letter])
        #expect(order["position"] as? Int == 3)
        #expect((order["fields"] as? [String])?.contains("buyer-2") == true)
        #expect(try under.salectl(["dlq", "show", "demo", "1-1"]).code == ExitCode.noInput)
    }

    @Test(arguments: [["ls"], ["redrive", "--all", "--reason", "r"], ["discard", "--all", "--reason", "r"]])
    func `does not take a sale that is not there for one without dead letters`(_ line: [String]) throws {
        let (under, _, _, _) = try system()
        let empty = try TestSale.create(under.redis, "empty")
        try under.start()
        #expect(under.drained(empty))
        let result = try under.salectl(["dlq", line[0], "emptty"] + line.dropFirst())
        #expect(result.code == ExitCode.noInput)
        #expect(result.errors == "salectl: dlq \(line[0]): SQLite has no sale emptty\n")
        #expect(try under.salectl(["dlq", line[0], "empty"] + line.dropFirst()).code == 0)
    }

    @Test func `fences a sale whose Redis lacks an order that is redriven, also when it is run again`() throws {
        let (under, sale, letter, _) = try system()
        for outcome in ["applied", "skipped"] {
            try under.redis.command(["HDEL", "\(SaleKeys(sale).buyers)", "buyer-2"])
            let result = try under.salectl(["dlq", "redrive", "demo", letter, "--reason", "r"])
            #expect(result.output.contains(outcome), "\(result.output)")
            #expect(result.output.contains("demo is fenced"), "\(result.output)")
            #expect(try under.redis.servingRunID(of: sale) == "")
            let worker = try under.start()
            #expect(eventually { worker.errors.contains("fence_lifted") }, "\(worker.errors)")
            #expect(try under.redis.winsField(of: "buyer-2", in: sale) != nil)
            worker.stop()
        }
    }

    @Test func `fences a sale whose Redis lacks a change that is redriven, and no other`() throws {
        let under = try WorkerUnderTest()
        let sale = try TestSale.create(under.redis, stock: 10)
        let worker = try under.start()
        #expect(under.drained(sale))
        worker.stop()
        // The worker could not store the pause.
        _ = try SQLiteShell.run(
            under.database,
            "CREATE TRIGGER refuse BEFORE UPDATE OF paused ON sales BEGIN SELECT zeroblob(2000000000); END")
        #expect(try under.redis.control(sale, .pause) == nil)
        let second = try under.start()
        #expect(under.drained(sale))
        second.stop()
        try under.acceptAgain()
        let same = try under.salectl(["dlq", "redrive", "demo", "--all", "--reason", "r"])
        #expect(same.output.contains("applied") && !same.output.contains("fenced"), "\(same.output)")
        try under.redis.command(["HSET", "\(SaleKeys(sale).sale)", "paused", "0"])
        let id = try SQLiteShell.run(under.database, "SELECT stream_id FROM dead_letters")[0]
        let other = try under.salectl(["dlq", "redrive", "demo", id, "--reason", "r"])
        #expect(other.output.contains("fenced"), "\(other.output)")
    }

    @Test func `discards an order of a Redis that has gone back as one whose position was given`() throws {
        let (under, sale, letter, _) = try system()
        // SQLite has positions 1, 2, 4 and 5; this Redis knows two.
        let keys = SaleKeys(sale)
        try under.redis.command(["SET", "\(keys.position)", "2"])
        try under.redis.command(["HSET", "\(keys.sale)", "serving_run_id", "an earlier life"])
        let discarded = try under.salectl(["dlq", "discard", "demo", letter, "--reason", "r"])
        #expect(discarded.output.contains("position 3 is void"), "\(discarded.output)\(discarded.errors)")
        let worker = try under.start()
        #expect(eventually { worker.errors.contains("fence_lifted") }, "\(worker.errors)")
        #expect(try under.redis.status(sale)?.position == 5)
    }

    /// An order for a position that Redis has not given.
    private static let forgedOrder: [RedisArgument] = [
        "v", "1", "kind", "order", "order", "demo-3", "position", "3", "buyer", "ghost", "quantity", "1", "key", "k",
        "trace", "00000000000000000000000000000001", "at_ms", "1790000000000", "epoch", "1",
    ]

    @Test func `redrives no order whose position Redis has not given`() throws {
        let under = try WorkerUnderTest()
        let sale = try TestSale.create(under.redis, stock: 10)
        let worker = try under.start()
        try under.sell(sale, to: 0..<2)
        #expect(under.drained(sale))
        let forged = try under.add(sale, Self.forgedOrder)
        #expect(under.drained(sale))
        worker.stop()
        let result = try under.salectl(["dlq", "redrive", "demo", forged, "--reason", "r"])
        #expect(result.code == 1)
        #expect(result.output.contains("Redis has not given position 3"), "\(result.output)")
        #expect(try under.stored(sale)?.sold == 2)
    }

    @Test func `redrives no order whose position may be another's that is still on the stream`() throws {
        let under = try WorkerUnderTest()
        let sale = try TestSale.create(under.redis, stock: 10)
        let worker = try under.start()
        try under.sell(sale, to: 0..<2)
        #expect(under.drained(sale))
        let forged = try under.add(sale, Self.forgedOrder)
        #expect(try eventually { try under.redis.status(sale)?.paused == true })
        #expect(under.drained(sale))
        worker.stop()
        #expect(try under.redis.control(sale, .resume) == nil)
        try under.sell(sale, to: 2..<4)
        let refused = try under.salectl(["dlq", "redrive", "demo", forged, "--reason", "r"])
        #expect(refused.code == ExitCode.unavailable)
        #expect(refused.errors.contains("not read to its end"), "\(refused.errors)")
        let second = try under.start()
        #expect(under.drained(sale))
        second.stop()
        #expect(try under.salectl(["dlq", "redrive", "demo", forged, "--reason", "r"]).code == 1)
        #expect(try under.stored(sale)?.orders.map(\.buyer) == (0..<4).map { "buyer-\($0)" })
        #expect(try under.reconciled(sale))
    }

    /// A sale of whose changes the worker could store none but the pause and the resumption that followed. It has
    /// stopped.
    private func overtaken(_ changes: [[String]]) throws -> (under: WorkerUnderTest, sale: SaleID, letters: [String]) {
        let under = try WorkerUnderTest()
        let sale = try TestSale.create(under.redis, stock: 10)
        let worker = try under.start()
        #expect(under.drained(sale))
        _ = try SQLiteShell.run(
            under.database,
            """
            CREATE TRIGGER refuse BEFORE UPDATE ON sales
            WHEN NEW.title <> OLD.title OR NEW.closes_at_ms IS NOT OLD.closes_at_ms
            BEGIN SELECT zeroblob(2000000000); END
            """)
        for change in changes { #expect(try under.salectl(change).code == 0) }
        for action in ["pause", "resume"] { #expect(try under.salectl([action, "demo"]).code == 0) }
        #expect(under.drained(sale))
        worker.stop()
        try under.acceptAgain()
        let letters = try SQLiteShell.run(under.database, "SELECT stream_id FROM dead_letters ORDER BY stream_id")
        #expect(letters.count == changes.count)
        return (under, sale, letters)
    }

    @Test func `redrives a change that later ones have overtaken, and Redis keeps it and the others`() throws {
        let (under, sale, letters) = try overtaken([["set", "demo", "--title", "Another"], ["close", "demo"]])
        let closesAt = try #require(try under.redis.status(sale)?.closesAt)
        let result = try under.salectl(["dlq", "redrive", "demo", letters[1], "--reason", "r"])
        #expect(result.output.contains("applied") && !result.output.contains("fenced"), "\(result.output)")
        #expect(try under.stored(sale)?.record.settings.closesAt == closesAt)
        #expect(try under.redis.status(sale)?.title == "Another")
        #expect(try under.salectl(["dlq", "redrive", "demo", letters[0], "--reason", "r"]).code == 0)
        #expect(try under.stored(sale)?.record.title == "Another")
        try under.start()
        #expect(under.drained(sale))
        #expect(try under.reconciled(sale))
        #expect(try under.redis.status(sale)?.state == .ended)
    }

    @Test func `leaves a change that later ones have undone to a person, and Redis as it is`() throws {
        let (under, sale, letters) = try overtaken([["set", "demo", "--title", "Another"]])
        #expect(try under.redis.set(sale, SaleChange(title: "A third")) == nil)
        let result = try under.salectl(["dlq", "redrive", "demo", letters[0], "--reason", "r"])
        #expect(result.code == 1)
        #expect(result.output.contains("failed_again") && !result.output.contains("fenced"), "\(result.output)")
        #expect(result.output.contains("a later change is stored"), "\(result.output)")
        #expect(try under.redis.servingRunID(of: sale) == under.redis.facts.runID)
        #expect(try under.redis.status(sale)?.title == "A third")
        try under.start()
        #expect(under.drained(sale))
        #expect(try under.stored(sale)?.record.title == "A third")
    }

    @Test func `redrives an order into both stores and the audit, and leaves Redis' dlq entry`() throws {
        let (under, sale, letter, rubbish) = try system()
        let rehearsed = try under.salectl(["dlq", "redrive", "demo", "--all", "--reason", "fixed", "--dry-run"])
        #expect(rehearsed.code == 1)
        #expect(rehearsed.output.contains("dry run, nothing is changed: 2 letters, applied 1, failed_again 1"))
        #expect(try SQLiteShell.run(under.database, "SELECT count(*) FROM audit") == ["0"])

        let result = try json(under, ["dlq", "redrive", "demo", "--all", "--reason", "fixed", "--rate", "2/s"])
        #expect(result["applied"] as? Int == 1)
        #expect(result["failed_again"] as? Int == 1)
        #expect(try under.redis.servingRunID(of: sale) == under.redis.facts.runID)
        let audit = try SQLiteShell.run(under.database, "SELECT action, sale, subject, reason, outcome FROM audit")
        #expect(audit.count == 2)
        #expect(audit[0] == "redrive|demo|\(letter)|fixed|applied")
        #expect(audit[1].hasPrefix("redrive|demo|\(rubbish)|fixed|failed_again: "))
        #expect(try under.stored(sale)?.orders.map(\.id.position) == [1, 2, 3, 4, 5])
        #expect(try under.stored(sale)?.rejectedOrders.isEmpty == true)
        #expect(try under.reconciled(sale))
        #expect(try under.deadLetters(sale).count == 2)

        let again = try under.salectl(["dlq", "redrive", "demo", letter, "--reason", "fixed"])
        #expect(again.code == 0)
        #expect(again.output.contains("skipped"))
        #expect(try under.salectl(["dlq", "redrive", "demo", rubbish, "--reason", "fixed"]).code == 1)
        // The worker finds nothing new on the stream.
        try under.start()
        #expect(under.drained(sale))
        #expect(try under.stored(sale)?.sold == 5)
        #expect(try under.deadLetters(sale).count == 2)
    }

    @Test(arguments: [false, true])
    func `reports the results of the dead letters before the one that can't be tried`(_ asJSON: Bool) throws {
        let (under, _, letter, rubbish) = try system()
        // No order can be stored, for a reason that does not concern the dead letter.
        _ = try SQLiteShell.run(
            under.database, "CREATE TRIGGER broken BEFORE INSERT ON orders BEGIN INSERT INTO nowhere VALUES (1); END")
        // One dead letter at a time.
        let line = ["dlq", "redrive", "demo", rubbish, letter, "--reason", "r", "--rate", "10/s"]
        let result = try under.salectl(line + (asJSON ? ["--json"] : []))
        #expect(result.code == ExitCode.unavailable)
        #expect(result.output.contains(rubbish) && !result.output.contains(letter), "\(result.output)")
        #expect(result.output.contains(asJSON ? #""failed_again":1"# : "1 letter, failed_again 1"))
        #expect(result.errors.contains("after 1 of 2 letters: the database: "), "\(result.errors)")
    }

    @Test func `updates Redis' persisted position after redriving a dead letter without a position`() throws {
        let (under, sale, letter, _) = try system()
        // As an earlier release would have stored it, which could not read the position.
        _ = try SQLiteShell.run(
            under.database,
            "UPDATE dead_letters SET position = NULL; UPDATE sales SET persisted_position = 2")
        try under.redis.command(["HSET", "\(SaleKeys(sale).sale)", "persisted_position", "2"])
        #expect(try under.salectl(["dlq", "redrive", "demo", letter, "--reason", "r"]).code == 0)
        #expect(try under.redis.status(sale)?.persistedPosition == 5)
    }

    @Test func `discards an order, which stays sold and void`() throws {
        let (under, sale, letter, rubbish) = try system()
        let result = try under.salectl(["dlq", "discard", "demo", letter, rubbish, "--reason", "a test order"])
        #expect(result.code == 0)
        #expect(result.output.contains("2 letters, discarded 2"))
        #expect(try SQLiteShell.run(under.database, "SELECT position FROM voids") == ["3"])
        #expect(try SQLiteShell.run(under.database, "SELECT count(*) FROM audit WHERE action = 'discard'") == ["2"])
        #expect(try under.redis.status(sale)?.remaining == 5)
        #expect(try under.reconciled(sale))
        #expect(try under.salectl(["dlq", "ls", "demo", "--filter", "discarded"]).output.contains(letter))
        #expect(try under.salectl(["dlq", "redrive", "demo", "--all", "--reason", "r"]).output.contains("0 letters"))
    }

    @Test func `discards nothing while the stream may hold the order that a dead letter stands for`() throws {
        let (under, sale, letter, _) = try system()
        try under.sell(sale, to: 5..<6)
        let refused = try under.salectl(["dlq", "discard", "demo", letter, "--reason", "r"])
        #expect(refused.code == ExitCode.unavailable)
        #expect(refused.errors.contains("not read to its end"))
        #expect(try SQLiteShell.run(under.database, "SELECT count(*) FROM audit") == ["0"])
    }

    @Test(arguments: [
        (["dlq", "redrive", "demo", "--reason", "r"], ExitCode.usage),
        (["dlq", "redrive", "demo", "1-0", "--all", "--reason", "r"], ExitCode.usage),
        (["dlq", "redrive", "demo", "--all"], ExitCode.usage),
        (["dlq", "redrive", "demo", "--all", "--reason", "r", "--rate", "5"], ExitCode.usage),
        (["dlq", "discard", "demo", "1-0", "--reason", "r"], ExitCode.noInput),
        (["dlq", "ls", "--filter", "colour=red"], ExitCode.usage), (["dlq", "ls"], ExitCode.ok),
        (["dlq", "redrive", "--help"], ExitCode.ok),
    ])
    func `ends with the exit code that a script can rely on`(_ line: [String], _ code: Int32) throws {
        let under = try WorkerUnderTest()
        _ = try OrderStore(path: under.database)
        #expect(try under.salectl(line).code == code)
    }
}
