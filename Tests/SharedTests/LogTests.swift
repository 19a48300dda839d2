import Foundation
import Shared
import TestSupport
import Testing

/// A pipe whose reading end a test holds.
private final class LogPipe {
    let pipe = Pipe()

    var writing: Int32 { pipe.fileHandleForWriting.fileDescriptor }

    /// Everything in the pipe now, as lines.
    func lines() -> [String] {
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        var poller = pollfd(fd: pipe.fileHandleForReading.fileDescriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&poller, 1, 0) == 1, poller.revents & Int16(POLLIN) != 0 else { return [] }
        let count = read(pipe.fileHandleForReading.fileDescriptor, &bytes, bytes.count)
        return String(decoding: bytes[0..<max(count, 0)], as: UTF8.self).split(separator: "\n").map(String.init)
    }
}

@Suite struct `The log` {
    @Test func `is one valid JSON object per line, whatever is logged`() throws {
        let pipe = LogPipe()
        let log = Log(program: "test", descriptor: pipe.writing)
        log.write(.error, "odd") {
            $0.appendMember("reason", "a \"quoted\"\nline \u{1} \\ Zoë")
            $0.appendMember("count", -3)
        }
        log.write(.info, "plain")
        log.flush()
        let lines = pipe.lines()
        #expect(lines.count == 2)
        let line = try #require(try JSONSerialization.jsonObject(with: Data(lines[0].utf8)) as? [String: Any])
        #expect(line["level"] as? String == "error")
        #expect(line["program"] as? String == "test")
        #expect(line["event"] as? String == "odd")
        #expect(line["reason"] as? String == "a \"quoted\"\nline \u{1} \\ Zoë")
        #expect(line["count"] as? Int == -3)
        #expect((line["at"] as? String).flatMap { UnixMilliseconds(rfc3339: $0) } != nil)
    }

    @Test func `gives a line's priority to the journal, and to nobody else`() {
        let pipe = LogPipe()
        var status = stat()
        fstat(pipe.writing, &status)
        for journal in ["\(status.st_dev):\(status.st_ino)", "\(status.st_dev):\(status.st_ino + 1)", nil] {
            let log = Log(program: "test", level: .debug, descriptor: pipe.writing, journal: journal)
            for level in Log.Level.allCases { log.write(level, "event") }
            log.flush()
        }
        let begins = pipe.lines().map { String($0.prefix { $0 != "{" }) }
        #expect(begins == ["<7>", "<6>", "<4>", "<3>"] + Array(repeating: "", count: 8))
    }

    @Test func `writes nothing below its level`() {
        let pipe = LogPipe()
        let log = Log(program: "test", level: .warning, descriptor: pipe.writing)
        log.write(.debug, "no")
        log.write(.info, "no")
        log.write(.warning, "yes")
        log.flush()
        #expect(pipe.lines().count == 1)
    }

    @Test func `does not block on a pipe that nobody reads, and reports afterwards what was lost`() {
        let pipe = LogPipe()
        let log = Log(program: "test", descriptor: pipe.writing)
        // About 3 MB: the pipe takes 64 KiB and the log holds a megabyte.
        let text = String(repeating: "x", count: 900)
        for _ in 0..<3000 {
            log.write(.info, "burst") { $0.appendMember("text", text) }
            log.flush()
        }
        var lines: [String] = []
        for _ in 0..<200 {
            lines += pipe.lines()
            log.flush()
        }
        // A read may end in the middle of a line; the last line is whole.
        #expect(lines.last?.contains("\"event\":\"log_lines_dropped\",\"lines\":") == true)
        #expect(lines.count < 2000)
    }

    @Test func `counts the lines lost to a full disk, and reports them when there is room again`() throws {
        let descriptor = open("/dev/full", O_WRONLY)
        defer { close(descriptor) }
        let log = Log(program: "test", descriptor: descriptor)
        for _ in 0..<3 {
            log.write(.info, "lost")
            log.write(.info, "lost too")
            log.flush()
            log.flush()
        }
        let pipe = LogPipe()
        dup2(pipe.writing, descriptor)
        log.write(.info, "kept")
        log.flush()
        log.flush()
        let lines = pipe.lines()
        #expect(lines.count == 2)
        #expect(lines[0].contains("\"event\":\"kept\""))
        #expect(lines.last?.contains("\"event\":\"log_lines_dropped\",\"lines\":6") == true)
        #expect(log.droppedInAll == 6)
    }

    @Test func `repeats itself at most once a second for each cause, and says how often it has not`() throws {
        let pipe = LogPipe()
        let start = ContinuousClock.now
        var age = Duration.zero
        let log = Log(program: "test", descriptor: pipe.writing, clock: { start + age })
        for milliseconds in [0, 1, 999, 1000, 1001, 3000] {
            age = .milliseconds(milliseconds)
            for cause in ["disk", "memory"] {
                log.writeSeldom(.error, "refused", cause: cause) { $0.append(",\(cause)") }
            }
        }
        log.flush()
        let members = pipe.lines().map { $0.split(separator: ",", maxSplits: 4).last.map(String.init) }
        let (disk, memory) = ("disk,\"skipped\":", "memory,\"skipped\":")
        #expect(members == ["disk}", "memory}", "\(disk)2}", "\(memory)2}", "\(disk)1}", "\(memory)1}"])
    }

    @Test func `forgets none of as many causes as it remembers`() {
        let pipe = LogPipe()
        let start = ContinuousClock.now
        var age = Duration.zero
        let log = Log(program: "test", descriptor: pipe.writing, clock: { start + age })
        for seconds in [0, 0, 1] {
            age = .seconds(seconds)
            for cause in 0..<64 { log.writeSeldom(.error, "refused", cause: "\(cause)") { _ in } }
        }
        log.flush()
        #expect(pipe.lines().count { $0.contains("\"skipped\":1}") } == 64)
    }

    @Test func `goes on without a reader`() {
        let pipe = LogPipe()
        signal(SIGPIPE, SIG_IGN)
        let log = Log(program: "test", descriptor: pipe.writing)
        pipe.pipe.fileHandleForReading.closeFile()
        for _ in 0..<10 {
            log.write(.info, "into the void")
            log.flush()
        }
    }
}
