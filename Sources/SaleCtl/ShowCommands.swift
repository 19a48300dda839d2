import Glibc
import RedisClient
import Shared

extension StatusReport {
    static func read(_ sale: SaleID, _ context: Context, _ redis: BlockingRedis) throws -> StatusReport {
        let status = try context.status(sale, on: redis)
        let letters = try redis.command(["XLEN", RedisArgument(SaleKeys(sale).deadLetters)])
        return StatusReport(
            status: status, served: status.servingRunID == redis.facts.runID, deadLetters: letters.integer ?? 0)
    }
}

extension Command {
    static let list = Command("ls", "[--json]", "Lists all sales.") { line, context in
        let arguments = try Arguments(line, options: [], flags: ["--json"])
        let redis = try context.redis()
        let reports = try redis.sales().map { try StatusReport.read($0, context, redis) }
        if arguments.has("--json") {
            var json = ByteBuffer(capacity: 4096)
            json.append("{\"sales\":[")
            for (index, report) in reports.enumerated() {
                if index > 0 { json.append(",") }
                report.append(to: &json)
            }
            json.append("]}")
            Output.line(json.string)
        } else {
            Output.print(
                table: reports.map {
                    [
                        "\($0.status.sale)", $0.state, "\($0.status.stockTotal)", "\($0.sold)",
                        "\($0.status.remaining)", "\($0.backlog)", "\($0.deadLetters)", $0.status.title,
                    ]
                }, headings: ["SALE", "STATE", "STOCK", "SOLD", "REMAINING", "BACKLOG", "DEAD", "TITLE"])
        }
        return ExitCode.ok
    }

    static let show = Command("show", "ID [--json]", "Shows one sale.") { line, context in
        let arguments = try Arguments(line, options: [], flags: ["--json"], words: 1...1)
        let report = try StatusReport.read(Arguments.sale(arguments.words[0]), context, context.redis())
        if arguments.has("--json") { Output.line(report.json) } else { Output.print(report.lines) }
        return ExitCode.ok
    }

    static let watch = Command(
        "watch", "ID [--every DURATION] [--for DURATION] [--json]", "Shows a sale's figures as they move.",
        details: """
              --every DURATION   how often (default 1s)
              --for DURATION     when to stop (default: when interrupted)
              --json             one JSON object a line

            On a terminal the line is redrawn in place.
            """
    ) { line, context in
        let arguments = try Arguments(line, options: ["--every", "--for"], flags: ["--json"], words: 1...1)
        let sale = try Arguments.sale(arguments.words[0])
        let every = try arguments.duration("--every") ?? 1000
        let end = try arguments.duration("--for").map { UnixMilliseconds.now.value + $0 }
        let redis = try context.redis()
        var last: StatusReport?
        while true {
            let report = try StatusReport.read(sale, context, redis)
            if arguments.has("--json") {
                Output.line(report.json)
            } else {
                let text = watchLine(report, since: last)
                if Output.isTerminal {
                    Output.write("\r\u{1B}[K\(text)")
                } else {
                    Output.line(text)
                }
            }
            last = report
            if let end, UnixMilliseconds.now.value + every > end { break }
            sleep(UInt32(every / 1000))
            usleep(UInt32(every % 1000) * 1000)
        }
        if Output.isTerminal, !arguments.has("--json") { Output.line("") }
        return ExitCode.ok
    }

    private static func watchLine(_ report: StatusReport, since last: StatusReport?) -> String {
        var rate = 0
        if let last, report.status.readAt > last.status.readAt {
            rate = (report.sold - last.sold) * 1000 / (report.status.readAt.value - last.status.readAt.value)
        }
        return """
            \(report.status.readAt.rfc3339)  \(report.state)  sold \(report.sold) of \(report.status.stockTotal)  \
            left \(report.status.remaining)  \(rate)/s  persisted \(report.status.persistedPosition)  \
            backlog \(report.backlog)  dead \(report.deadLetters)
            """
    }
}
