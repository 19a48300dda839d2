import Foundation
import OrderStore
import RedisClient
import Shared
import TestSupport
import Testing

/// Where output can't go.
extension salectl {
    /// Runs salectl with a pipe as its stdout of which nobody reads.
    private func unread(_ operate: Operator, _ line: [String]) throws -> Int32 {
        let pipe = Pipe()
        try pipe.fileHandleForReading.close()
        return try ChildProcess(
            ChildProcess.product("salectl"), line,
            environment: ["SALE_REDIS_URL": operate.server.url],
            errorLog: operate.server.directory.url.appendingPathComponent("unread.log"),
            output: pipe.fileHandleForWriting
        ).wait()
    }

    /// Runs salectl in a shell that redirects its output.
    private func redirected(
        _ operate: Operator, _ line: String, _ redirection: String
    ) throws -> (code: Int32, output: String, errors: String) {
        try ChildProcess.run(
            URL(fileURLWithPath: "/bin/bash"),
            ["-c", "\(ChildProcess.product("salectl").path) \(line) \(redirection)"],
            environment: ["SALE_REDIS_URL": operate.server.url])
    }

    @Test func `says no by its exit code, even if nobody reads its reasons`() throws {
        let operate = try Operator()
        try TestSale.create(operate.redis)
        #expect(try unread(operate, ["reconcile", "demo"]) == ExitCode.negative)
        #expect(try unread(operate, ["doctor"]) == ExitCode.negative)
        #expect(try unread(operate, ["show", "demo"]) == ExitCode.ok)
    }

    @Test func `sends Redis nothing of what it prints if it is started without a stdout`() throws {
        let operate = try Operator()
        try TestSale.create(operate.redis)
        try operate.redis.command(["HSET", "sale:{demo}", "title", "a\r\nDEL sales"])
        let result = try redirected(operate, "ls", ">&-")
        #expect(result.code == ExitCode.io)
        #expect(result.errors == "salectl: the output can't be written: Bad file descriptor\n")
        #expect(try operate.redis.sales().count == 1)
        #expect(try operate.redis.command(["INFO", "errorstats"]).string?.contains("errorstat_ERR") == false)
    }

    @Test func `makes all keys or none`() throws {
        let operate = try Operator()
        let directory = operate.server.directory.path("keys")
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
        // Nothing that could be read, and yet no new file can have its name.
        try FileManager.default.createSymbolicLink(
            atPath: "\(directory)/receipt.pem", withDestinationPath: "/nowhere/receipt.pem")
        let refused = try operate.run(["keys", "init", directory])
        #expect(refused.code == ExitCode.cantCreate)
        #expect(refused.output.isEmpty)
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == ["receipt.pem"])
        try FileManager.default.removeItem(atPath: "\(directory)/receipt.pem")
        #expect(try redirected(operate, "keys init \(directory)", ">/dev/full").code == ExitCode.io)
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory).count == 3)
    }

    @Test(arguments: ["a\nb", "a\u{1B}[2Jb", "a\u{2028}b", "a\u{9B}b"])
    func `refuses a title that would change the terminal or the page that shows it`(_ title: String) throws {
        let operate = try Operator()
        try TestSale.create(operate.redis)
        let result = try operate.run(["create", "new", "--title", title, "--stock", "1"])
        #expect(result.code == ExitCode.usage)
        #expect(result.errors.contains("--title"))
        #expect(result.errors.split(separator: "\n").count == 1)
        #expect(try operate.run(["set", "demo", "--title", title]).code == ExitCode.usage)
    }

    @Test func `shows any title as a part of its line`() throws {
        let operate = try Operator()
        try TestSale.create(operate.redis)
        try operate.redis.command(["HSET", "sale:{demo}", "title", "Zoë's 日本 \u{1B}[2J\nb\\"])
        let shown = #"Zoë's 日本 \x1b[2J\nb\"#
        #expect(try operate.run(["show", "demo"]).output.contains("title           \(shown)\n"))
        #expect(try operate.run(["ls"]).output.hasSuffix("  \(shown)\n"))
        #expect(try operate.json(["show", "demo"])["title"] as? String == "Zoë's 日本 \u{1B}[2J\nb\\")
    }

    @Test func `does not say that nothing is found before it has looked everywhere`() throws {
        let operate = try Operator()
        let trace = ["trace", String(repeating: "a", count: 32)]
        let path = operate.server.directory.path("sale.db")
        let without = try operate.run(trace)
        #expect(without.code == ExitCode.unavailable)
        #expect(without.errors.contains("nothing is found, but there is no database \(path)"))
        _ = try OrderStore(path: path)
        #expect(try operate.run(trace).code == ExitCode.negative)
        let result = try operate.run(trace + ["--json"], ["SALE_REDIS_URL": "unix:///nowhere/redis.sock"])
        #expect(result.code == ExitCode.unavailable)
        #expect(result.errors.contains("Redis can't be asked: connect to unix:/nowhere/redis.sock"))
        #expect(try operate.run(trace, ["SALE_REDIS_URL": "http://x"]).code == ExitCode.config)
    }

    @Test func `says neither sale nor time of a line of a log, which says so itself`() throws {
        let operate = try Operator()
        let (trace, log) = (String(repeating: "a", count: 32), operate.server.directory.path("api.log"))
        try #"{"trace":"\#(trace)"}"#.write(toFile: log, atomically: true, encoding: .utf8)
        let found = try operate.json(["trace", trace, "--log", log])["found"] as? [[String: Any]]
        #expect(found?.count == 1 && found?[0]["sale"] is NSNull && found?[0]["at"] is NSNull)
        #expect(try operate.run(["trace", trace, "--log", log]).output.contains("log \(log)"))
    }

    @Test func `does not take a log that it can't read for one without the trace`() throws {
        let result = try Operator().run(["trace", String(repeating: "a", count: 32), "--log", "/"])
        #expect(result.code == ExitCode.noInput)
        #expect(result.errors == "salectl: trace: / can't be read: Is a directory\n")
    }

    @Test func `tells a database that is not there from one that can't be reached`() throws {
        let operate = try Operator()
        let path = operate.server.directory.path("loop.db")
        let absent = try operate.run(["dlq", "ls"], ["SALE_DATABASE": path])
        #expect(absent.code == ExitCode.noInput)
        #expect(absent.errors == "salectl: dlq ls: there is no database \(path) (SALE_DATABASE)\n")
        try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: path)
        for line in [["dlq", "ls"], ["ls"], ["create", "x", "--title", "T", "--stock", "1"]] {
            let result = try operate.run(line, ["SALE_DATABASE": path])
            #expect(result.code == ExitCode.unavailable)
            #expect(result.errors.hasSuffix("\(path) (SALE_DATABASE): Too many levels of symbolic links\n"))
        }
    }
}
