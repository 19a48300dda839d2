import Foundation
import Glibc
import OrderStore
import RedisClient
import Shared
import TestSupport
import Testing

@Suite struct `A backup file` {
    private static let sale = SaleID("demo")!
    private let directory = try! TemporaryDirectory()
    private var database: String { directory.path("sale.db") }

    /// A database with one sale.
    private func store() throws {
        let fields = [
            ("v", "1"), ("kind", "create"), ("sale", "demo"), ("uuid", "u"), ("title", "T"), ("stock", "10"),
            ("max_per_buyer", "5"), ("opens_at", "0"), ("closes_at", "0"),
            ("pseudonym_key", String(repeating: "ab", count: 32)), ("at_ms", "1000"), ("epoch", "1"),
        ]
        let entry = StreamEntry(
            id: "1-0", fields: StreamFields(fields.flatMap { [Array($0.0.utf8), Array($0.1.utf8)] }))
        _ = try OrderStore(path: database).apply(Self.sale, [entry])
    }

    private func salectl(
        _ line: [String], _ variables: [String: String] = [:]
    ) throws -> (code: Int32, output: String, errors: String) {
        try ChildProcess.run(
            ChildProcess.product("salectl"), line,
            environment: ["SALE_DATABASE": database].merging(variables) { $1 })
    }

    @Test func `that has no folder is reported as one that can't be written`() throws {
        try store()
        let result = try salectl(["backup", "/nowhere/b.db"])
        #expect(result.code == ExitCode.cantCreate)
        #expect(result.errors == "salectl: backup: /nowhere/b.db can't be written: No such file or directory\n")
    }

    /// What the database's files contain, by name.
    private func files() throws -> [String: Data] {
        let names = try FileManager.default.contentsOfDirectory(atPath: directory.url.path)
        return try names.reduce(into: [:]) { files, name in
            guard name.hasPrefix("sale.db") else { return }
            files[name] = try Data(contentsOf: directory.url.appendingPathComponent(name))
        }
    }

    @Test(arguments: [
        ("sale.db", "sale.db"), ("other", "sale.db"), ("folder/sale.db", "sale.db"), ("sale.db-wal", "sale.db-wal"),
        ("sale.db-shm", "sale.db-shm"), ("folder/sale.db-wal", "sale.db-wal"), ("sale.db.lock", "sale.db.lock"),
        ("sale.db.partial", "sale.db.partial"),
    ])
    func `or an export is never written where the database has a file, by whatever name`(
        _ name: String, _ own: String
    ) throws {
        try store()
        #expect(link(database, directory.path("other")) == 0)
        #expect(symlink(".", directory.path("folder")) == 0)
        let before = try files()
        let named = directory.path(name)
        for command in [["export", "demo", "--output"], ["backup"], ["restore", "--force"]] {
            let result = try salectl(command + [named])
            #expect(result.code == ExitCode.cantCreate)
            let sentence = "\(named) is the database's own file \(directory.path(own)), and is left as it is"
            #expect(result.errors == "salectl: \(command[0]): \(sentence)\n")
            #expect(try files() == before)
        }
    }

    @Test(arguments: [["backup", ""], ["restore", ""], ["export", "demo", "--output", ""]])
    func `needs a name, and without one leaves nothing`(_ line: [String]) throws {
        try store()
        let folder = try TemporaryDirectory()
        let result = try ChildProcess.run(
            URL(fileURLWithPath: "/bin/bash"),
            ["-c", #"cd "$0" && exec "$@""#, folder.url.path, ChildProcess.product("salectl").path] + line,
            environment: ["SALE_DATABASE": database])
        #expect(result.code == ExitCode.usage)
        #expect(result.errors.contains("\(line[0]): the name of the file is empty; see "), "\(result.errors)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == [])
    }

    @Test func `is not written through a partial file that is the database`() throws {
        try store()
        let partial = directory.path("b.db.partial")
        #expect(link(database, partial) == 0)
        #expect(try salectl(["backup", directory.path("b.db")]).code == ExitCode.cantCreate)
        #expect(try salectl(["export", "demo", "--output", directory.path("b.db")]).code == ExitCode.cantCreate)
        #expect(try StoreReader(path: database).stored(Self.sale) != nil)
    }

    @Test func `is known as the database's log beside the file that a link leads to`() throws {
        try store()
        let linked = directory.path("linked.db")
        #expect(symlink(database, linked) == 0)
        let result = try salectl(["backup", "\(database)-wal"], ["SALE_DATABASE": linked])
        #expect(result.errors.contains("is the database's own file \(database)-wal"), "\(result.errors)")
    }

    @Test func `that another program is writing is left to it`() throws {
        try store()
        let backup = directory.path("b.db")
        let other = open("\(backup).partial", O_WRONLY | O_CREAT, 0o600)
        #expect(flock(other, LOCK_EX | LOCK_NB) == 0)
        #expect(write(other, "half", 4) == 4)
        let refused = try salectl(["backup", backup])
        #expect(refused.code == ExitCode.cantCreate)
        #expect(refused.errors == "salectl: backup: \(backup) can't be written: another program is writing it\n")
        #expect(try String(contentsOfFile: "\(backup).partial", encoding: .utf8) == "half")
        close(other)
        #expect(try salectl(["backup", backup]).code == 0)
        #expect(!FileManager.default.fileExists(atPath: "\(backup).partial"))
    }

    /// The disk refuses what is beyond the limit on a file's size: 40 KiB, enough for the database's index of its log.
    @Test func `that a disk refuses is reported as one that can't be written, and leaves nothing`() throws {
        try store()
        let backup = directory.path("b.db")
        let result = try ChildProcess.run(
            URL(fileURLWithPath: "/bin/bash"),
            ["-c", "trap '' XFSZ; ulimit -f 40; exec \(ChildProcess.product("salectl").path) backup \(backup)"],
            environment: ["SALE_DATABASE": database])
        #expect(result.code == ExitCode.cantCreate)
        #expect(result.errors.hasPrefix("salectl: backup: \(backup) can't be written: "), "\(result.errors)")
        let left = try FileManager.default.contentsOfDirectory(atPath: directory.url.path)
        #expect(left.filter { $0.hasPrefix("b.db") } == [])
    }

    @Test(.enabled(if: getuid() == 0, "mounting a small disk needs root"))
    func `that fills its disk is reported as one that can't be written, and leaves nothing`() throws {
        try store()
        let disk = try TemporaryDirectory()
        let mount = URL(fileURLWithPath: "/bin/mount")
        let mounted = try ChildProcess.run(mount, ["-t", "tmpfs", "-o", "size=16k", "none", disk.url.path])
        try #require(mounted.code == 0, "\(mounted.errors)")
        defer { _ = try? ChildProcess.run(URL(fileURLWithPath: "/bin/umount"), ["-l", disk.url.path]) }
        let result = try salectl(["backup", disk.path("b.db")])
        #expect(result.code == ExitCode.cantCreate)
        let reason = "can't be written: database or disk is full"
        #expect(result.errors == "salectl: backup: \(disk.path("b.db")) \(reason)\n")
        #expect(try FileManager.default.contentsOfDirectory(atPath: disk.url.path) == [])
    }

    /// Restores a backup by force while `file` is mounted where the copy is written.
    private func restore(through file: String) throws -> (code: Int32, output: String, errors: String) {
        try store()
        let (backup, partial) = (directory.path("b.db"), "\(database).partial")
        #expect(try salectl(["backup", backup]).code == 0)
        _ = FileManager.default.createFile(atPath: partial, contents: nil)
        defer { _ = try? ChildProcess.run(URL(fileURLWithPath: "/bin/umount"), ["-l", partial]) }
        let program = ChildProcess.product("salectl").path
        return try ChildProcess.run(
            URL(fileURLWithPath: "/bin/bash"),
            ["-c", "mount --bind \(file) \(partial) && exec \(program) restore \(backup) --force"],
            environment: ["SALE_DATABASE": database])
    }

    /// A process may write anything into its own name, which can't be synced (EINVAL).
    @Test(.enabled(if: getuid() == 0, "mounting a file needs root"))
    func `whose copy can't be synced leaves the database where it is`() throws {
        let result = try restore(through: "/proc/$$/comm")
        #expect(result.code == ExitCode.cantCreate)
        #expect(result.errors == "salectl: restore: \(database) can't be written: Invalid argument\n")
        #expect(try StoreReader(path: database).stored(Self.sale) != nil)
        let files = try FileManager.default.contentsOfDirectory(atPath: directory.url.path)
        #expect(files.filter { $0.contains(".before-") } == [])
    }

    /// A mount point can't be renamed (EBUSY).
    @Test(.enabled(if: getuid() == 0, "mounting a file needs root"))
    func `whose copy can't be renamed gives the database its name back`() throws {
        let other = directory.path("other")
        _ = FileManager.default.createFile(atPath: other, contents: nil)
        let result = try restore(through: other)
        #expect(result.code == ExitCode.cantCreate)
        #expect(result.errors.hasPrefix("salectl: if this is interrupted, run it again; "))
        let sentence = "salectl: restore: \(database) can't be written: Device or resource busy"
        #expect(result.errors.hasSuffix("\nsalectl: what was there has its name back\n\(sentence)\n"))
        #expect(try StoreReader(path: database).stored(Self.sale) != nil)
    }

    @Test func `that is restored lacks a sale that was archived since`() throws {
        let server = try RedisServer()
        try store()
        let backup = directory.path("b.db")
        #expect(try salectl(["backup", backup]).code == 0)
        try server.connect().command(["SADD", "\(SaleKeys.archived)", "later"])
        let redis = ["SALE_REDIS_URL": server.url]
        let forced = try salectl(["restore", backup, "--force"], redis)
        #expect(forced.code == 0, "\(forced.errors)")
        let row = try #require(forced.output.split(separator: "\n").first { $0.hasPrefix("later ") })
        #expect(row.contains("archived since: its orders are only in \(database).before-"), "\(row)")

        unlink(database)
        let alone = try salectl(["restore", backup], redis)
        #expect(alone.output.contains("archived since: its orders are neither in the file nor on Redis"))
    }

    @Test func `has a sale whose name can't be used again`() throws {
        try store()
        let result = try salectl(["create", "demo", "--title", "T", "--stock", "1"])
        #expect(result.code == ExitCode.cantCreate)
        #expect(result.errors.contains("there is a sale demo already, and a name is never used again"))
    }
}
