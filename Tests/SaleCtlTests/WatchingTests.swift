import Foundation
import Glibc
import RedisClient
import Shared
import TestSupport
import Testing

extension salectl {
    @Test func `lists and watches sales`() throws {
        let operate = try Operator()
        try TestSale.create(operate.redis, "a")
        try TestSale.create(operate.redis, "b")
        let list = try operate.json(["ls"])
        #expect((list["sales"] as? [[String: Any]])?.compactMap { $0["sale"] as? String } == ["a", "b"])
        // Longer if there is only one line, as on a machine that stands still meanwhile.
        var lines: [Substring] = []
        for duration in ["100ms", "1s", "10s"] where lines.count < 2 {
            let watched = try operate.run(["watch", "a", "--every", "10ms", "--for", duration, "--json"])
            #expect(watched.code == 0)
            lines = watched.output.split(separator: "\n")
        }
        #expect(lines.count > 1)
        #expect(lines.allSatisfy { $0.hasPrefix("{\"sale\":\"a\",") })
    }

    @Test func `lists all other sales if Redis has lost one, in part or whole`() throws {
        let operate = try Operator()
        for sale in ["a", "b", "c"] { try TestSale.create(operate.redis, sale) }
        try operate.redis.command(["DEL", "\(SaleKeys(SaleID("b")!).stock)"])
        try operate.redis.command(["DEL", "\(SaleKeys(SaleID("c")!).sale)"])
        let list = try operate.run(["ls"])
        #expect(list.code == ExitCode.negative)
        #expect(list.output.split(separator: "\n").map { $0.prefix(4) } == ["SALE", "a   "])
        #expect(
            list.errors == """
                salectl: b can't be shown: stock of the sale is missing from Redis
                salectl: c can't be shown: Redis has no sale c

                """)
        let json = try operate.json(["ls"])
        #expect((json["sales"] as? [[String: Any]])?.compactMap { $0["sale"] as? String } == ["a"])
        #expect((json["unreadable"] as? [[String: String]])?.compactMap { $0["sale"] } == ["b", "c"])
    }

    @Test(arguments: [(UInt16(40), true), (200, false)])
    func `draws a line over the one before, however many rows that takes`(_ columns: UInt16, _ wraps: Bool) throws {
        let operate = try Operator()
        try TestSale.create(operate.redis, "a")
        var watched = try WatchedTerminal(operate, columns: columns, every: "10ms")
        // Between two lines: back to the first row of the earlier one, and clear from there on.
        let shown = try watched.shown(lines: 3)
        #expect(shown.contains("dead 0\(wraps ? "\u{1B}[2A" : "")\r\u{1B}[J"), "\(shown.debugDescription)")
    }

    @Test func `draws a line over the one before that a smaller terminal has wrapped`() throws {
        let operate = try Operator()
        try TestSale.create(operate.redis, "a")
        var watched = try WatchedTerminal(operate, columns: 200, every: "2s")
        _ = try watched.shown(lines: 1)
        watched.resize(columns: 40)
        let shown = try watched.shown(lines: 2)
        #expect(shown.contains("dead 0\u{1B}[2A\r\u{1B}[J"), "\(shown.debugDescription)")
    }

    @Test func `continues to watch after Redis has been away`() throws {
        let operate = try Operator()
        try TestSale.create(operate.redis, "a")
        let directory = try TemporaryDirectory()
        let output = directory.url.appendingPathComponent("out")
        _ = FileManager.default.createFile(atPath: output.path, contents: nil)
        let watch = try ChildProcess(
            ChildProcess.product("salectl"), ["watch", "a", "--every", "10ms", "--json"],
            environment: ["SALE_REDIS_URL": operate.server.url], errorLog: directory.url.appendingPathComponent("err"),
            output: FileHandle(forWritingTo: output))
        func lines() throws -> Int { try String(contentsOf: output, encoding: .utf8).split(separator: "\n").count }
        #expect(try eventually { try lines() > 1 })
        operate.server.crash()
        #expect(eventually { watch.errors.contains("trying again") })
        let before = try lines()
        try operate.server.restart()
        #expect(try eventually { try lines() > before + 1 })
        #expect(watch.errors.split(separator: "\n").count == 1)
        watch.stop(SIGKILL)
    }
}

/// A terminal in which `salectl watch a` runs, until it is no longer used.
private struct WatchedTerminal: ~Copyable {
    private let terminal: FileHandle
    private let watch: ChildProcess
    private var shown = ""

    init(_ operate: Operator, columns: UInt16, every interval: String) throws {
        var (ours, theirs): (Int32, Int32) = (-1, -1)
        var size = winsize(ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
        #expect(openpty(&ours, &theirs, nil, nil, &size) == 0)
        terminal = FileHandle(fileDescriptor: ours, closeOnDealloc: true)
        watch = try ChildProcess(
            ChildProcess.product("salectl"), ["watch", "a", "--every", interval],
            environment: ["SALE_REDIS_URL": operate.server.url],
            errorLog: operate.server.directory.url.appendingPathComponent("watch.log"),
            output: FileHandle(fileDescriptor: theirs, closeOnDealloc: true))
    }

    deinit { watch.signal(SIGKILL) }

    func resize(columns: UInt16) {
        var size = winsize(ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
        #expect(ioctl(terminal.fileDescriptor, UInt(TIOCSWINSZ), &size) == 0)
    }

    /// Everything that it has been sent, once that many lines are among it.
    mutating func shown(lines: Int) throws -> String {
        var bytes = [UInt8](repeating: 0, count: 4096)
        while shown.matches(of: #/dead 0/#).count < lines {
            let count = read(terminal.fileDescriptor, &bytes, bytes.count)
            try #require(count > 0)
            shown += String(decoding: bytes[..<count], as: UTF8.self)
        }
        return shown
    }
}
