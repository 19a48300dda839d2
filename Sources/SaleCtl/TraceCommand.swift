import Glibc
import OrderStore
import RedisClient
import Shared

extension Command {
    static let trace = Command(
        "trace", "TRACE_ID [--log FILE]… [--json]", "Follows one request from the logs to its order or dead letter.",
        details: """
            TRACE_ID is the answer's X-Request-Id: 32 hexadecimal digits. Searches SQLite (orders, dead letters, and
            what operators did about those), Redis (the streams of all sales), and logs.

              --log FILE   a log of nginx, sale-api or sale-worker, as JSON lines; "-" is standard input
              --json       as JSON

            A request that won nothing leaves a trace only in logs. Exit code: 0 found, 1 not found, 69 not
            found where it could look: there is no database, or Redis can't be asked.
            """
    ) { line, context in
        let arguments = try Arguments(line, options: ["--log"], flags: ["--json"], words: 1...1)
        let trace = arguments.words[0]
        guard TraceID.isValid(trace) else {
            throw Arguments.UsageError("\(trace) is no trace-id: 32 hexadecimal digits in lower case")
        }
        var findings: [TraceFinding] = []
        for file in arguments.all("--log") { findings += try TraceFinding.inLog(file, trace) }
        let stored = try context.existingReader()?.records(of: trace).map(TraceFinding.init)
        findings += stored ?? []
        do {
            findings += try TraceFinding.onRedis(context.redis(), trace)
        } catch {
            let failure = CommandFailure(error)
            guard !findings.isEmpty else {
                throw CommandFailure("nothing is found, but Redis can't be asked: \(failure.message)", failure.code)
            }
            Output.error("salectl: Redis can't be asked: \(failure.message)")
        }
        guard stored != nil || !findings.isEmpty else {
            let path = try context.environment.required(.database)
            throw CommandFailure(
                "nothing is found, but there is no database \(path) (\(Setting.database.name))", ExitCode.unavailable)
        }
        if arguments.has("--json") {
            Output.json { text in
                text.appendMember("trace", trace)
                text.appendMember("found", objects: findings) { $1.append(to: &$0) }
            }
        } else {
            Output.print(
                table: findings.map { [$0.place, $0.sale ?? "", $0.at ?? "", $0.detail] },
                headings: ["WHERE", "SALE", "AT", "WHAT"])
        }
        return findings.isEmpty ? ExitCode.negative : ExitCode.ok
    }
}

/// One place that has a trace of a request.
private struct TraceFinding {
    var place: String
    /// Which sale, and when; nil of a line of a log, which says so itself.
    var sale: String?
    var at: String?
    var detail: String

    init(_ record: TraceRecord) {
        self.init(
            place: "sqlite \(record.place.rawValue)", sale: record.sale, at: record.at.rfc3339, detail: record.detail)
    }

    private init(place: String, sale: String? = nil, at: String? = nil, detail: String) {
        self.place = place
        self.sale = sale
        self.at = at
        self.detail = detail
    }

    /// Appends all members, without braces.
    func append(to text: inout ByteBuffer) {
        text.appendMember("where", place)
        text.appendMember("sale", sale)
        text.appendMember("at", at)
        text.appendMember("what", detail)
    }

    // MARK: Redis

    /// The entries with this trace on the streams of all sales, including the dead letters.
    static func onRedis(_ redis: BlockingRedis, _ trace: String) throws(RedisError) -> [TraceFinding] {
        var findings: [TraceFinding] = []
        for sale in try redis.sales() {
            let keys = SaleKeys(sale)
            for (place, key) in [("redis orders", keys.orders), ("redis dlq", keys.deadLetters)] {
                try redis.forEachEntry(of: key) { id, entry in
                    let words = entry.strings
                    guard words.contains(trace) else { return }
                    findings.append(
                        TraceFinding(
                            place: place, sale: "\(sale)",
                            at: UnixMilliseconds(StreamID(id).milliseconds).rfc3339,
                            detail: "entry \(id): \(EscapedText.of(Array(words.joined(separator: " ").utf8)))"))
                }
            }
        }
        return findings
    }

    // MARK: Logs

    /// The lines of a log with this trace, as they are.
    static func inLog(_ path: String, _ trace: String) throws -> [TraceFinding] {
        guard let file = fopen(path == "-" ? "/dev/stdin" : path, "re") else {
            throw CommandFailure(unreadable: path, FileError())
        }
        defer { fclose(file) }
        var line: UnsafeMutablePointer<CChar>?
        var room = 0
        defer { free(line) }
        var findings: [TraceFinding] = []
        while getline(&line, &room, file) >= 0, let line {
            guard strstr(line, trace) != nil else { continue }
            let text = EscapedText.of(Array(String(cString: line).utf8.filter { $0 != 0x0A }))
            findings.append(TraceFinding(place: "log \(path)", detail: text))
        }
        guard ferror(file) == 0 else { throw CommandFailure(unreadable: path, FileError()) }
        return findings
    }
}
