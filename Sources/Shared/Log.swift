import Glibc

/// The structured log: one JSON object per line on stderr, written once per pass of the loop.
///
/// Starts, stops, wins, errors and changes of state are logged; refusals never are, because there are a million of
/// them. No token, key or buyer is logged. If stderr is a full pipe, up to `pendingBytesMax` of lines wait; more are
/// dropped and counted, because a log reader that hangs must not hang the sale.
package final class Log {
    package enum Level: Int, Comparable, Sendable, CaseIterable {
        case debug, info, warning, error

        package var name: StaticString {
            switch self {
            case .debug: "debug"
            case .info: "info"
            case .warning: "warning"
            case .error: "error"
            }
        }

        /// The prefix of sd-daemon(3): the journal removes it, and files the line under that priority (`journalctl -p
        /// warning`).
        var priority: StaticString {
            switch self {
            case .debug: "<7>"
            case .info: "<6>"
            case .warning: "<4>"
            case .error: "<3>"
            }
        }

        package static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }
    }

    /// 4,000 lines of 256 bytes: what a burst of winners writes in one pass.
    package static let pendingBytesMax = 1 << 20
    /// Causes that are remembered; there are fewer, unless their text varies.
    private static let causesMax = 64
    /// POLLOUT on a pipe promises room for PIPE_BUF bytes (pipe(7)), so writing that many never blocks.
    private static let chunkBytes = 4096

    private let program: String
    private let level: Level
    private let descriptor: Int32
    private let isJournal: Bool
    private var pending = ByteBuffer(capacity: 4096)
    /// Lines that were dropped and not reported yet, and those that a pending line reports.
    private var dropped = 0
    private var reported = 0
    /// All lines that were dropped, for the metrics: whoever can't read the log can't read that in it.
    package private(set) var droppedInAll = 0
    private let clock: () -> ContinuousClock.Instant
    /// By event and cause: when its next line may be written, and how many were skipped.
    private var repeated: [String: (next: ContinuousClock.Instant, skipped: Int)] = [:]

    /// - Parameters:
    ///   - journal: device and inode of the journal's stream, as systemd passes them (systemd.exec(5)). If the
    ///     descriptor has been redirected since, it has others.
    ///   - clock: tells how long ago a line was written.
    package init(
        program: String, level: Level = .info, descriptor: Int32 = 2,
        journal: String? = Program.environment()["JOURNAL_STREAM"],
        clock: @escaping () -> ContinuousClock.Instant = { .now }
    ) {
        self.clock = clock
        self.program = program
        self.level = level
        self.descriptor = descriptor
        var status = stat()
        isJournal = fstat(descriptor, &status) == 0 && journal == "\(status.st_dev):\(status.st_ino)"
    }

    /// Adds a line; `members` appends the event's own members to the object.
    package func write(_ level: Level, _ event: StaticString, _ members: (inout ByteBuffer) -> Void = { _ in }) {
        guard level >= self.level else { return }
        guard pending.count < Self.pendingBytesMax else {
            dropped += 1
            droppedInAll += 1
            return
        }
        if isJournal { pending.append(level.priority) }
        pending.append("{\"at\":\"")
        pending.append(rfc3339: .now)
        pending.append("\",\"level\":\"")
        pending.append(level.name)
        pending.append("\",\"program\":\"")
        pending.append(program)
        pending.append("\",\"event\":\"")
        pending.append(event)
        pending.append("\"")
        members(&pending)
        pending.append("}\n")
    }

    /// Adds a line for what may happen a thousand times a second: at most one a second for each cause, and the next one
    /// says how many were skipped.
    package func writeSeldom(
        _ level: Level, _ event: StaticString, cause: String, _ members: (inout ByteBuffer) -> Void
    ) {
        guard level >= self.level else { return }
        let now = clock()
        let key = "\(event) \(cause)"
        if let last = repeated[key], now < last.next {
            repeated[key]?.skipped += 1
            return
        }
        if repeated[key] == nil, repeated.count >= Self.causesMax { repeated.removeAll() }
        let skipped = repeated.updateValue((now + .seconds(1), 0), forKey: key)?.skipped ?? 0
        write(level, event) { line in
            members(&line)
            if skipped > 0 { line.appendMember("skipped", skipped) }
        }
    }

    /// Writes pending lines, as far as stderr takes them without blocking.
    package func flush() {
        guard !pending.isEmpty, writePending(), dropped > 0 else { return }
        reported = dropped
        dropped = 0
        write(.warning, "log_lines_dropped") { $0.appendMember("lines", reported) }
    }

    /// Writes pending bytes; true if all of them were written.
    private func writePending() -> Bool {
        // Removed once at the end: removing each chunk would move everything after it each time.
        var written = 0
        defer { pending.removeFirst(written) }
        while written < pending.count {
            var poller = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            guard poll(&poller, 1, 0) == 1 else { return false }
            let count = pending.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress! + written, min($0.count - written, Self.chunkBytes))
            }
            if count < 0 {
                // Nobody reads it any more (EPIPE), or the disk is full: the sale goes on without a log.
                if errno != EINTR && errno != EAGAIN { dropPending(from: written) }
                return false
            }
            written += count
        }
        reported = 0
        return true
    }

    /// Drops pending bytes, and counts their lines and the lines that a report among them would have reported.
    private func dropPending(from start: Int) {
        let lines = pending.withUnsafeBytes { $0[start...].count { $0 == UInt8(ascii: "\n") } }
        let isReport = reported > 0
        droppedInAll += lines - (isReport ? 1 : 0)
        dropped += lines + (isReport ? reported - 1 : 0)
        reported = 0
        pending.removeLast(pending.count - start)
    }
}
