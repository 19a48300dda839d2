import Foundation
import RedisClient
import Shared
import TestSupport
import Testing

@testable import SaleCtl

extension salectl {
    @Test func `creates a sale that can be bought at once`() throws {
        let operate = try Operator()
        let made = try operate.json(["create", "thursday", "--title", "The \"drop\"", "--stock", "7"])
        #expect(made["state"] as? String == "open")
        #expect(made["title"] as? String == "The \"drop\"")
        #expect(made["stock"] as? Int == 7)
        let reply = try TestSale.purchase(operate.redis, SaleID("thursday")!, [.init(buyer: "a", key: "k")])
        #expect(reply.codes == "S")
        let shown = try operate.json(["show", "thursday"])
        #expect(shown["sold"] as? Int == 1)
        #expect(shown["remaining"] as? Int == 6)
    }

    @Test func `counts opening and closing times from Redis' clock`() throws {
        let operate = try Operator()
        let inAYear = UnixMilliseconds(UnixMilliseconds.now.value + 365 * 86_400_000)
        let made = try operate.json([
            "create", "later", "--title", "T", "--stock", "1", "--opens-at", "+1h", "--closes-at",
            inAYear.rfc3339.replacing("Z", with: "+01:00"),
        ])
        #expect(made["state"] as? String == "scheduled")
        #expect(made["closes_at"] as? String == UnixMilliseconds(inAYear.value - 3_600_000).rfc3339)
    }

    @Test(arguments: [(-61, false), (-60, true), (-59, true), (59, true), (10 * 366 * 86_400 + 1, false)])
    func `takes a time of up to a minute ago, and of the next ten years`(_ seconds: Int, _ isTaken: Bool) throws {
        let now = UnixMilliseconds.now
        let time = UnixMilliseconds(now.value + seconds * 1000)
        let arguments = try Arguments(["--opens-at", time.rfc3339], options: ["--opens-at"], flags: [], words: 0...0)
        #expect((try? TimeArgument(arguments, "--opens-at", now: now)) == (isTaken ? .at(time) : nil))
    }

    @Test func `does not open a sale long ago that has not opened`() throws {
        let operate = try Operator()
        let made = try operate.run(["create", "demo", "--title", "T", "--stock", "1", "--opens-at", "+1h"])
        #expect(made.code == ExitCode.ok)
        func opening(_ secondsAgo: Int) throws -> Int32 {
            let time = UnixMilliseconds(UnixMilliseconds.now.value - secondsAgo * 1000)
            return try operate.run(["set", "demo", "--opens-at", time.rfc3339]).code
        }
        #expect(try opening(120) == ExitCode.usage)
        #expect(try operate.json(["show", "demo"])["state"] as? String == "scheduled")
        #expect(try opening(1) == ExitCode.ok)
        #expect(try operate.json(["show", "demo"])["state"] as? String == "open")
    }

    @Test func `creates a sale while a worker is about to create the database`() throws {
        let operate = try Operator()
        let path = operate.server.directory.path("sale.db")
        // As SQLite leaves it between the first two steps of a worker that starts for the first time.
        for text in ["", "PRAGMA journal_mode = WAL; CREATE TABLE x (y); DROP TABLE x"] {
            _ = FileManager.default.createFile(atPath: path, contents: nil)
            if !text.isEmpty { _ = try SQLiteShell.run(path, text) }
            let name = text.isEmpty ? "first" : "second"
            let made = try operate.run(["create", name, "--title", "T", "--stock", "1"])
            #expect(made.code == 0, "\(made.errors)")
            #expect(try operate.run(["ls"]).output.contains(name))
        }
        #expect(try operate.run(["dlq", "ls"]).errors.contains("there is no database"))
    }

    @Test func `refuses a second sale of the same name`() throws {
        let operate = try Operator()
        #expect(try operate.run(["create", "x", "--title", "T", "--stock", "1"]).code == 0)
        let again = try operate.run(["create", "x", "--title", "T", "--stock", "1"])
        #expect(again.code == ExitCode.cantCreate)
        #expect(again.errors.contains("on Redis already"))
    }
}
