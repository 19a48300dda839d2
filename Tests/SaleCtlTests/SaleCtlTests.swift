import Foundation
import LuaScripts
import OrderStore
import RedisClient
import Shared
import TestSupport
import Testing

@Suite struct salectl {
    @Test func `ends quietly when its reader is gone, and reports when it can't print`() throws {
        let operate = try Operator()
        try TestSale.create(operate.redis)
        let salectl = ChildProcess.product("salectl").path
        let shell = URL(fileURLWithPath: "/bin/bash")
        let environment = ["SALE_REDIS_URL": operate.server.url]
        let piped = try ChildProcess.run(
            shell, ["-c", "\(salectl) watch demo --every 10ms | head -n 2"], environment: environment)
        #expect(piped.output.split(separator: "\n").count == 2)
        let full = try ChildProcess.run(shell, ["-c", "\(salectl) ls > /dev/full"], environment: environment)
        #expect(full.code == ExitCode.io)
    }

    @Test(arguments: [
        "salectl --help", "salectl --version", "salectl create --help", "salectl create --version", "sale-api --help",
        "sale-api --version", "sale-worker --help", "sale-worker --version", "stampede --help", "stampede --version",
    ])
    func `and every other program report when they can't print`(_ line: String) throws {
        let directory = ChildProcess.product("salectl").deletingLastPathComponent().path
        let full = try ChildProcess.run(
            URL(fileURLWithPath: "/bin/bash"), ["-c", "\(directory)/\(line) > /dev/full"])
        #expect(full.code == ExitCode.io)
        let program = line.prefix { $0 != " " }
        #expect(full.errors == "\(program): the output can't be written: No space left on device\n")
    }

    @Test(arguments: [["--version"], ["create", "--version"], ["keys", "init", "/nowhere", "--version"]])
    func `prints its version, whatever the command`(_ line: [String]) throws {
        let result = try Operator().run(line)
        #expect(result.code == 0)
        #expect(result.output == "salectl \(Release.version)\n")
    }

    @Test func `reconcile says that a sale which was never stored is not in SQLite`() throws {
        let operate = try Operator()
        try TestSale.create(operate.redis)
        let result = try operate.run(["reconcile", "demo"])
        #expect(result.code == 1)
        #expect(result.output.contains("Redis has this sale, SQLite has not"))
        #expect(result.output.contains("\nstart the worker if none runs: it stores the sale; "))
    }

    @Test(arguments: [[], ["--dry-run"]])
    func `rebuild says that SQLite has no such sale`(_ options: [String]) throws {
        let operate = try Operator()
        _ = try OrderStore(path: operate.server.directory.path("sale.db"))
        let result = try operate.run(["rebuild", "ghost"] + options)
        #expect(result.code == ExitCode.noInput)
        #expect(result.errors == "salectl: rebuild: SQLite has no sale ghost\n")
    }

    @Test(arguments: [
        (["frobnicate"], ExitCode.usage), ([String](), ExitCode.usage), (["create", "x"], ExitCode.usage),
        (["create", "X", "--title", "T", "--stock", "1"], ExitCode.usage),
        (["create", "x", "--title", "T", "--stock", "0"], ExitCode.usage),
        (["create", "x", "--title", "T", "--stock", "1", "--opens-at", "soon"], ExitCode.usage),
        (["create", "x", "--title", "T", "--stock", "1", "--closes-at", "2001-01-01T00:00:00Z"], ExitCode.usage),
        (["create", "x", "--title", "T", "--stock", "1", "--opens-at", "3026-01-01T00:00:00Z"], ExitCode.usage),
        (["create", "x", "--title", "T", "--stock", "1", "--opens-at", "2026-01-01T00:00:00Z"], ExitCode.usage),
        (["show", "ghost"], ExitCode.noInput), (["pause", "ghost"], ExitCode.noInput),
        (["reconcile", "ghost"], ExitCode.noInput), (["show", "a", "b"], ExitCode.usage),
        (["restock", "x", "-9223372036854775808"], ExitCode.usage),
        (["restock", "x", "9223372036854775807"], ExitCode.usage),
        (["watch", "x", "--every", "1200000h"], ExitCode.usage), (["watch", "x", "--for", "8761h"], ExitCode.usage),
        (["token", "--subject", "a b"], ExitCode.usage), (["token", "--subject", "a"], ExitCode.config),
        (["--help"], ExitCode.ok), (["--version"], ExitCode.ok), (["create", "--help"], ExitCode.ok),
        (["keys", "init", "--help"], ExitCode.ok), (["keys", "rotate-receipt", "--help"], ExitCode.ok),
        (["keys", "rotate-receipt"], ExitCode.usage), (["keys", "rotate-receipt", "/nowhere"], ExitCode.noInput),
    ])
    func `ends with the exit code that a script can rely on`(_ line: [String], _ code: Int32) throws {
        let result = try Operator().run(line)
        #expect(result.code == code, "\(result.errors)")
        if code == 0 { #expect(!result.output.isEmpty) } else { #expect(!result.errors.isEmpty) }
    }

    @Test(arguments: [
        ("show", [], "ID"), ("backup", [], "FILE"), ("keys init", [], "DIR"), ("fairness", [], "LOG"),
        ("admit", ["demo"], "RATE"), ("erase", ["demo", "--reason", "r"], "BUYER"), ("restock", ["demo"], "N"),
        ("dlq show", ["demo"], "STREAM_ID"), ("dlq redrive", ["--all", "--reason", "r"], "ID"),
    ])
    func `names the argument that is missing`(_ command: String, _ rest: [String], _ name: String) throws {
        let result = try Operator().run(command.split(separator: " ").map(String.init) + rest)
        #expect(result.code == ExitCode.usage)
        #expect(result.errors == "salectl: \(command): \(name) is missing; see salectl \(command) --help\n")
    }

    @Test func `has help for itself and each of its commands, in lines that fit a terminal`() throws {
        let operate = try Operator()
        let help = try operate.run(["--help"]).output
        let commands = help.matches(of: #/(?m)^  ([a-z]+(?: [a-z-]+)?)  /#)
            .map { $0.output.1.split(separator: " ").map(String.init) }
        #expect(commands.count > 25)
        for command in commands + [[]] {
            let text = try operate.run(command + ["--help"]).output
            let long = text.split(separator: "\n").filter { $0.count > 120 }
            #expect(long == [], "\(command)")
        }
    }

    @Test(arguments: [["create"], ["keys", "init"], ["keys"], ["--help"]])
    func `has the same help after the word help`(_ command: [String]) throws {
        let operate = try Operator()
        let (asked, known) = (try operate.run(["help"] + command), try operate.run(command + ["--help"]))
        #expect(asked.code == 0)
        #expect(asked.output == known.output)
    }

    @Test(arguments: [["frobnicate"], ["keys", "frobnicate"]])
    func `has no help for a command that it doesn't know`(_ command: [String]) throws {
        for line in [["help"] + command, command + ["--help"]] {
            let result = try Operator().run(line)
            #expect(result.code == ExitCode.usage)
            #expect(result.output.isEmpty)
            #expect(result.errors.contains(command[0]), "\(result.errors)")
        }
    }

    @Test func `has the same exit codes in its help and in docs/operations.md`() throws {
        let page = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../docs/operations.md")
        let section = try String(contentsOf: page, encoding: .utf8).components(separatedBy: "## Exit codes").last ?? ""
        let documented = section.matches(of: #/(?m)^\| (\d+) \|/#).map(\.output.1)
        let help = try Operator().run(["--help"]).output.components(separatedBy: "Exit codes: ").last ?? ""
        #expect(documented.count == 12)
        #expect(help.matches(of: #/(?:^|;)\s+(\d+) |^(\d+) /#).compactMap { $0.output.1 ?? $0.output.2 } == documented)
    }

    @Test(arguments: ["sale-api", "sale-worker", "salectl"])
    func `and the other programs have the settings of docs/operations.md`(_ program: String) throws {
        let page = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../docs/operations.md")
        let section = try String(contentsOf: page, encoding: .utf8).components(separatedBy: "## Settings").last ?? ""
        // A row may have several variables, and only a value is in backticks.
        let rows = section.matches(of: #/(?m)^\| (`SALE_.*?) \| (?:`([^`]*)`)?.*? \| (.*) \|$/#).map(\.output)
        let documented = rows.filter { $0.3.contains(program) }.flatMap { row in
            row.1.split(separator: ", ").map { "\($0.dropFirst().dropLast()) \(row.2 ?? "")" }
        }
        let help = try ChildProcess.run(ChildProcess.product(program), ["--help"]).output
        let settings = help.matches(of: #/(?m)^  (SALE_[A-Z_]+)  \((?:default (\S+)|[^)]*)\)/#)
            .map { "\($0.output.1) \($0.output.2 ?? "")" }
        #expect(settings.count > 8)
        #expect(Set(settings) == Set(documented))
    }

    @Test func `names the lock that it can't take`() throws {
        let operate = try Operator()
        let lock = operate.server.directory.path("sale.db.lock")
        _ = FileManager.default.createFile(atPath: operate.server.directory.path("sale.db"), contents: nil)
        try FileManager.default.createDirectory(atPath: lock, withIntermediateDirectories: false)
        let result = try operate.run(["rebuild", "demo"])
        #expect(result.code == ExitCode.cantCreate)
        #expect(result.errors.contains("\(lock) can't be locked"), "\(result.errors)")
    }

    @Test func `names the Redis that it can't reach`() throws {
        let operate = try Operator()
        operate.server.crash()
        let result = try operate.run(["ls"])
        #expect(result.code == ExitCode.unavailable)
        #expect(result.errors.contains(operate.server.socket))
    }
}
