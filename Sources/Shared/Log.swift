import Glibc

/// Structured log: one JSON object a line on stderr, written once a loop pass.
///
/// A line is for a start, a stop, a win, an error or a change of state; never for a refusal, of which there are a
/// million. No token, key or buyer is logged. If stderr is a full pipe, lines wait up to `pendingBytesMax` and are then
/// dropped and counted: a log reader that hangs must not hang the sale.
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

        /// As sd-daemon(3) has it: the journal takes it off, and files the line under it (`journalctl -p warning`).
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
    /// POLLOUT on a pipe promises room for PIPE_BUF bytes (pipe(7)), so a write of that much never blocks.
    private static let chunkBytes = 4096

    private let program: String
    private let level: Level
    private let descriptor: Int32
    private let isJournal: Bool
    private var pending = ByteBuffer(capacity: 4096)
    /// Lines that are lost and nobody was told of, and those that a line which is pending tells of.
    private var dropped = 0
    private var reported = 0

    /// `journal` is what systemd calls the journal's stream, device and inode (systemd.exec(5)); a descriptor that was put elsewhere
    /// since then is another.
    package init(
        program: String, level: Level = .info, descriptor: Int32 = 2,
        journal: String? = Program.environment()["JOURNAL_STREAM"]
    ) {
        self.program = program
        self.level = level
        self.descriptor = descriptor
        var status = stat()
        isJournal = fstat(descriptor, &status) == 0 && journal == "\(status.st_dev):\(status.st_ino)"
    }

    /// Adds a line; `members` appends its own members to the object.
    package func write(_ level: Level, _ event: StaticString, _ members: (inout ByteBuffer) -> Void = { _ in }) {
        guard level >= self.level else { return }
        guard pending.count < Self.pendingBytesMax else {
            dropped += 1
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

    /// Writes what is pending as far as stderr takes it without blocking.
    package func flush() {
        guard !pending.isEmpty, writePending(), dropped > 0 else { return }
        reported = dropped
        dropped = 0
        write(.warning, "log_lines_dropped") { $0.appendMember("lines", reported) }
    }

    /// Whether all that was pending is out.
    private func writePending() -> Bool {
        // Removed at the end, and not a chunk at a time: each would move all that is behind it.
        var written = 0
        defer { pending.removeFirst(written) }
        while written < pending.count {
            var poller = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            guard poll(&poller, 1, 0) == 1 else { return false }
            let count = pending.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress! + written, min($0.count - written, Self.chunkBytes))
            }
            if count < 0 {
                // Nobody reads it any more (EPIPE) or the disk is full: the sale goes on without a log.
                if errno != EINTR && errno != EAGAIN { dropPending(from: written) }
                return false
            }
            written += count
        }
        reported = 0
        return true
    }

    /// Counts what is thrown away, and what a report among it would have told.
    private func dropPending(from start: Int) {
        let lines = pending.withUnsafeBytes { $0[start...].count { $0 == UInt8(ascii: "\n") } }
        dropped += lines + (reported > 0 ? reported - 1 : 0)
        reported = 0
        pending.removeLast(pending.count - start)
    }
}
