import EventLoop
import Glibc
import RedisClient
import Shared

extension Command {
    static let watch = Command(
        "watch", "ID [--every DURATION] [--for DURATION] [--json]", "Shows a sale's figures as they change.",
        details: """
              --every DURATION   how often (default 1s)
              --for DURATION     when to stop (default: when interrupted)
              --json             one JSON object a line

            On a terminal the line is redrawn in place. If Redis goes away, as in a failover, or comes back without the
            sale, it says so (on stderr, unless the line is redrawn), and goes on once Redis, or the next primary, has
            the sale.
            """
    ) { line, context in
        let arguments = try Arguments(line, options: ["--every", "--for"], flags: ["--json"], words: 1...1)
        let every = try arguments.duration("--every") ?? 1000
        let end = try arguments.duration("--for").map { Instant.now.advanced(milliseconds: $0) }
        var watch = Watch(
            sale: try Arguments.sale(arguments.words[0]), context: context, asJSON: arguments.has("--json"),
            redis: try context.redis())
        while true {
            guard try watch.refresh() else { return ExitCode.ok }
            if let end, Instant.now.advanced(milliseconds: every) > end { break }
            sleep(UInt32(every / 1000))
            usleep(UInt32(every % 1000) * 1000)
        }
        if watch.redraws { Output.line("") }
        return ExitCode.ok
    }
}

/// A sale, looked at again and again.
private struct Watch {
    let sale: SaleID
    let context: Context
    let asJSON: Bool
    /// nil after it has gone away.
    var redis: BlockingRedis?
    var last: StatusReport?
    /// Whether the last read found nothing.
    var isLost = false
    /// How many characters the last line has.
    var drawn = 0

    /// Whether each line is drawn over the one before.
    var redraws: Bool { Output.isTerminal && !asJSON }

    /// Reads the figures and shows them; false if nobody is there to read them. A failure ends the command only if it
    /// has not shown any before.
    mutating func refresh() throws -> Bool {
        do {
            let connection = try redis ?? context.redis()
            let report = try StatusReport.read(sale, on: connection, stored: context.storedIfReadable(sale))
            let text = self.text(of: report)
            redis = connection
            last = report
            isLost = false
            return show(asJSON ? report.json : text)
        } catch let error where last != nil {
            redis = nil
            let reason = CommandFailure(error).message
            let text = "\(UnixMilliseconds.now.rfc3339)  nothing to see (\(reason)); trying again"
            defer { isLost = true }
            if redraws { return show(text) }
            if !isLost { Output.error(text) }
            return true
        }
    }

    private mutating func show(_ text: String) -> Bool {
        guard redraws else { return Output.line(text) }
        // As the terminal wraps it now: it may have been resized.
        let rowsBelow = (max(1, drawn) - 1) / Output.columns
        let up = rowsBelow > 0 ? "\u{1B}[\(rowsBelow)A" : ""
        drawn = text.count
        return Output.write("\(up)\r\u{1B}[J\(text)")
    }

    private func text(of report: StatusReport) -> String {
        var rate = 0
        if let last, report.status.readAt > last.status.readAt {
            rate = (report.sold - last.sold) * 1000 / (report.status.readAt.value - last.status.readAt.value)
        }
        return """
            \(report.status.readAt.rfc3339)  \(report.standing)  sold \(report.sold) of \(report.status.stockTotal)  \
            left \(report.status.remaining)  \(rate)/s  persisted \(report.status.persistedPosition)  \
            backlog \(report.backlog)  dead \(report.deadLetters)\(report.queue.map(text) ?? "")
            """
    }

    private func text(of queue: QueueStatus) -> String {
        let admitted = queue.admittedThrough(at: queue.readAt)
        return "  admitted \(admitted)  waiting \(queue.waiting)  \(queue.room.schedule.last.label)"
    }
}
