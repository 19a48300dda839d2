import Foundation
import OrderStore
import RedisClient
import Shared
import TestSupport
import Testing

@Suite struct `A backup` {
    private static let sale = SaleID("demo")!

    private func selling() throws -> (WorkerUnderTest, file: String) {
        let under = try WorkerUnderTest()
        try TestSale.create(under.redis, stock: 1000)
        try under.sell(Self.sale, to: 0..<20)
        try under.start()
        #expect(under.drained(Self.sale))
        return (under, under.server.directory.path("backup.db"))
    }

    @Test func `is complete while the worker writes, verified, and its owner's only`() throws {
        let (under, file) = try selling()
        try under.sell(Self.sale, to: 20..<500)
        let made = try under.salectl(["backup", file, "--json"])
        #expect(made.code == 0, "\(made.errors)")
        let report = try JSONSerialization.jsonObject(with: Data(made.output.utf8)) as? [String: Any]
        let orders = try #require(report?["orders"] as? Int)
        #expect(orders >= 20)
        #expect(
            try SQLiteShell.run(file, "SELECT count(*), max(position), max(persisted_position) FROM orders, sales")
                == ["\(orders)|\(orders)|\(orders)"])
        let sum = try ChildProcess.run(
            URL(fileURLWithPath: "/bin/bash"),
            ["-c", "cd \(under.server.directory.url.path) && sha256sum -c backup.db.sha256"])
        #expect(sum.output == "backup.db: OK\n")
        for path in [file, "\(file).sha256"] {
            #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o600)
        }
        #expect(!FileManager.default.fileExists(atPath: "\(file).partial"))
        // It never overwrites another backup.
        let again = try under.salectl(["backup", file])
        #expect(again.code == ExitCode.cantCreate)
    }

    @Test func `leaves the log to the worker: reading never checkpoints it`() throws {
        let (under, file) = try selling()
        under.worker?.stop(SIGKILL)
        let log = "\(under.database)-wal"
        let before = try Data(contentsOf: URL(fileURLWithPath: log))
        #expect(!before.isEmpty)
        #expect(try under.salectl(["backup", file]).code == 0)
        #expect(try under.salectl(["export", "demo"]).code == 0)
        #expect(try under.salectl(["show", "demo"]).code == 0)
        #expect(try Data(contentsOf: URL(fileURLWithPath: log)) == before)
    }

    @Test func `replaces a lost database, and the worker stores what it lacks from Redis`() throws {
        let (under, file) = try selling()
        #expect(try under.salectl(["backup", file]).code == 0)
        #expect(try under.salectl(["restore", file]).code == ExitCode.temporaryFailure)
        try under.sell(Self.sale, to: 20..<30)
        #expect(try under.salectl(["restock", "demo", "5"]).code == 0)
        #expect(under.drained(Self.sale))
        under.worker?.stop(SIGKILL)
        removeDatabase(under.database)
        let restored = try under.salectl(["restore", file])
        #expect(restored.code == 0, "\(restored.errors)")
        #expect(
            restored.output.contains("the worker stores the next 10 positions from Redis; those without"),
            "\(restored.output)")
        try under.start()
        #expect(eventually { (try? under.reconciled(Self.sale)) == true })
        let stored = try #require(try under.stored(Self.sale))
        #expect(stored.orders.count == 30)
        #expect(stored.record.stockTotal == 1005)
    }

    @Test func `replaces an existing database only by force, and keeps that under another name`() throws {
        let (under, file) = try selling()
        #expect(try under.salectl(["backup", file]).code == 0)
        try under.sell(Self.sale, to: 20..<30)
        #expect(under.drained(Self.sale))
        under.worker?.stop(SIGKILL)
        #expect(try under.salectl(["restore", file]).code == ExitCode.cantCreate)
        #expect(try under.stored(Self.sale)?.orders.count == 30)
        let forced = try under.salectl(["restore", file, "--force"])
        #expect(forced.code == 0, "\(forced.errors)")
        #expect(try under.stored(Self.sale)?.orders.count == 20)
        let aside = try #require(forced.errors.split(separator: " ").last.map { $0.trimmingCharacters(in: .newlines) })
        #expect(try StoreReader(path: aside).stored(Self.sale)?.orders.count == 30)
        #expect(!FileManager.default.fileExists(atPath: "\(under.database)-wal"))
    }

    @Test func `is not restored by a salectl with wrong settings for Redis`() throws {
        let (under, file) = try selling()
        #expect(try under.salectl(["backup", file]).code == 0)
        try under.sell(Self.sale, to: 20..<30)
        #expect(under.drained(Self.sale))
        under.worker?.stop(SIGKILL)
        let nothing = under.server.directory.path("no.password")
        let refused = try under.salectl(["restore", file, "--force"], ["SALE_REDIS_PASSWORD_FILE": nothing])
        #expect(refused.code == ExitCode.config)
        #expect(refused.errors.contains("SALE_REDIS_PASSWORD_FILE"), "\(refused.errors)")
        #expect(try under.stored(Self.sale)?.orders.count == 30)
    }

    @Test func `is refused if its checksum does not match, or if it is damaged or of another program`() throws {
        let (under, file) = try selling()
        under.worker?.stop(SIGKILL)
        let directory = under.server.directory
        func refused(_ name: String, _ expected: Int32, _ make: (String) throws -> Void) throws {
            let path = directory.path(name)
            try make(path)
            let result = try under.salectl(["restore", path, "--force"])
            #expect(result.code == expected, "\(name): \(result.errors)")
        }
        #expect(try under.salectl(["backup", file]).code == 0)
        func sign(_ path: String) throws {
            let sum = try ChildProcess.run(
                URL(fileURLWithPath: "/bin/bash"), ["-c", "sha256sum \(path) > \(path).sha256"])
            #expect(sum.code == 0)
        }
        try refused("nothing.db", ExitCode.noInput) { _ in }
        try refused("unsigned.db", ExitCode.noInput) { try FileManager.default.copyItem(atPath: file, toPath: $0) }
        // Where no security module writes this file, reading it fails with EINVAL.
        let unreadable = "/proc/self/attr/current"
        if case .failure = Result(catching: { try File.read(unreadable, limit: 4096) }) {
            try refused("unreadable.db", ExitCode.noInput) { path in
                try FileManager.default.copyItem(atPath: file, toPath: path)
                try FileManager.default.createSymbolicLink(atPath: "\(path).sha256", withDestinationPath: unreadable)
            }
        }
        try refused("altered.db", ExitCode.data) { path in
            try FileManager.default.copyItem(atPath: file, toPath: path)
            try sign(path)
            _ = try SQLiteShell.run(path, "UPDATE orders SET buyer = 'x' WHERE position = 1")
        }
        try refused("damaged.db", ExitCode.data) { path in
            var bytes = try Data(contentsOf: URL(fileURLWithPath: file))
            bytes.replaceSubrange(8192..<12288, with: Data(repeating: 0xA5, count: 4096))
            try bytes.write(to: URL(fileURLWithPath: path))
            try sign(path)
        }
        try refused("foreign.db", ExitCode.data) { path in
            _ = try SQLiteShell.run(path, "CREATE TABLE t (a)")
            try sign(path)
        }
        #expect(try under.stored(Self.sale)?.orders.count == 20)
    }
}

@Suite struct `A database that is older than a rebuild of Redis` {
    @Test func `learns everything that the stream no longer has: orders, stock and pause`() throws {
        let sale = SaleID("demo")!
        let under = try WorkerUnderTest()
        try TestSale.create(under.redis, stock: 10)
        try under.sell(sale, to: 0..<3)
        let first = try under.start()
        #expect(under.drained(sale))
        let file = under.server.directory.path("backup.db")
        #expect(try under.salectl(["backup", file]).code == 0)
        try under.sell(sale, to: 3..<5)
        #expect(try under.salectl(["restock", "demo", "5"]).code == 0)
        #expect(try under.salectl(["pause", "demo"]).code == 0)
        #expect(under.drained(sale))
        // Redis is emptied and completed: its stream begins again, with what SQLite knows then.
        try under.redis.command(["FLUSHALL"])
        #expect(eventually { first.errors.contains("fence_lifted") }, "\(first.errors)")
        #expect(under.drained(sale))
        first.stop(SIGKILL)

        #expect(try under.salectl(["restore", file, "--force"]).code == 0)
        let second = try under.start()
        #expect(eventually { (try? under.stored(sale))??.orders.count == 5 }, "\(second.errors)")
        #expect(under.drained(sale))
        #expect(try under.reconciled(sale))
        let stored = try #require(try under.stored(sale))
        #expect(stored.record.stockTotal == 15)
        #expect(stored.record.settings.paused)
        #expect(stored.persistedPosition == 5)
        #expect(second.errors.contains("database_older"))
        // The sale continues as if nothing had happened.
        #expect(try under.salectl(["resume", "demo"]).code == 0)
        try under.sell(sale, to: 5..<20)
        #expect(under.drained(sale))
        #expect(try under.stored(sale)?.sold == 15)
        #expect(try under.reconciled(sale))
    }
}
