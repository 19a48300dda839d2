import Foundation
import RedisClient
import Shared
import TestSupport
import Testing

/// What an operator sees of a sale if Redis alone does not tell the truth.
@Suite struct `salectl shows` {
    /// A sale that the worker has stored, with two pieces of rubbish as dead letters. The worker has stopped.
    private func system() throws -> (under: WorkerUnderTest, letters: [String]) {
        let under = try WorkerUnderTest()
        let sale = try TestSale.create(under.redis, stock: 10)
        let letters = try (0..<2).map { _ in try under.add(sale, ["rubbish", "1"]) }
        let worker = try under.start()
        #expect(under.drained(sale))
        worker.stop()
        return (under, letters)
    }

    @Test func `the dead letters that nobody has decided about, also when Redis has forgotten them`() throws {
        let (under, letters) = try system()
        func expect(open count: Int) throws {
            #expect(try under.salectl(["show", "demo"]).output.contains("dead_letters    \(count)\n"))
            #expect(try under.salectl(["ls", "--json"]).output.contains("\"dead_letters\":\(count),"))
            #expect(try under.salectl(["watch", "demo", "--for", "1ms"]).output.hasSuffix("dead \(count)\n"))
        }
        try expect(open: 2)
        #expect(try under.salectl(["dlq", "discard", "demo", letters[0], "--reason", "r"]).code == 0)
        try expect(open: 1)
        try under.redis.command(["DEL", "\(SaleKeys(SaleID("demo")!).deadLetters)"])
        try expect(open: 1)
        #expect(try under.salectl(["set", "demo", "--title", "T"]).output.contains("dead_letters    1\n"))
    }

    @Test func `a sale that was changed or is watched, also when SQLite can't be read`() throws {
        let (under, _) = try system()
        _ = try SQLiteShell.run(under.database, "ALTER TABLE sales RENAME TO gone")
        let pause = try under.salectl(["pause", "demo"])
        #expect(pause.code == ExitCode.ok, "\(pause.errors)")
        #expect(try under.salectl(["watch", "demo", "--for", "1ms"]).code == ExitCode.ok)
        #expect(try under.salectl(["show", "demo"]).code == ExitCode.unavailable)
    }

    @Test func `a sale that an emptied Redis has lost`() throws {
        let (under, _) = try system()
        try under.redis.command(["FLUSHALL"])
        let list = try under.salectl(["ls"])
        #expect(list.code == ExitCode.negative)
        #expect(list.errors == "salectl: demo can't be shown: Redis has lost demo; the worker brings it back\n")
        let show = try under.salectl(["show", "demo"])
        #expect(show.code == ExitCode.unavailable)
        #expect(show.errors == "salectl: show: Redis has lost demo; the worker brings it back\n")
        for line in [["pause", "demo"], ["restock", "demo", "1"], ["release", "demo"]] {
            let change = try under.salectl(line)
            #expect(change.code == ExitCode.unavailable)
            #expect(change.errors == "salectl: \(line[0]): Redis has lost demo; the worker brings it back\n")
        }
        let doctor = try under.salectl(["doctor"]).output
        #expect(doctor.contains(#/(?m)^bad +sale demo +Redis has lost it/#), "\(doctor)")
    }

    @Test func `a sale that sells nothing because its stream is gone as fenced`() throws {
        let (under, _) = try system()
        try under.redis.command(["DEL", "\(SaleKeys(SaleID("demo")!).orders)"])
        #expect(try under.salectl(["show", "demo"]).output.contains("\nstate           fenced\n"))
        let doctor = try under.salectl(["doctor"]).output
        #expect(doctor.contains(#/(?m)^bad +sale demo +fenced/#), "\(doctor)")
    }

    @Test func `in a sentence that a sale which is watched is gone`() throws {
        let (under, _) = try system()
        let shown = under.server.directory.url.appendingPathComponent("shown")
        _ = FileManager.default.createFile(atPath: shown.path, contents: nil)
        let watch = try ChildProcess(
            ChildProcess.product("salectl"), ["watch", "demo", "--every", "10ms"],
            environment: ["SALE_REDIS_URL": under.server.url, "SALE_DATABASE": under.database],
            errorLog: under.server.directory.url.appendingPathComponent("watch.log"),
            output: FileHandle(forWritingTo: shown))
        #expect(try eventually { try !Data(contentsOf: shown).isEmpty })
        try under.redis.command(["FLUSHALL"])
        #expect(
            eventually { watch.errors.contains("nothing to see (Redis has lost demo; the worker brings it back)") },
            "\(watch.errors)")
    }
}
