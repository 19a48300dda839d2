import Checker
import Shared

extension Command {
    private static let logsMax = 64

    static let fairness = Command(
        "fairness", "LOG … [--json]", "Shows from stampede's logs how fair a sale was to its buyers.",
        details: """
              LOG     what stampede --log has written; several logs of one machine and one run are combined
              --json  as JSON

            For tickets (if buyers joined a waiting room) and for units:
              inversions    a buyer was answered before another asked, and yet got a higher position: there must be none
              duplicates    a buyer was answered with a position that another had been answered: there must be none
              overtaken     a buyer got a higher position than one who asked later, while both were under way
              largest_lead  how much later, at most, the buyer with the lower position had asked
            At the cut: the time from the press that won the last unit to the first "sold out"; the buyers who pressed
            before that press and were answered "sold out", and by how much; and units won by presses after the first
            "sold out" (0, unless there was a restock). busiest_second is the highest number of purchases sent within
            one second.

            Exit code: 0; 1 if there is an inversion or a duplicate; 65 if a log is empty or lacks lines, or if they are
            of several sales.
            """
    ) { line, _ in
        let arguments = try Arguments(line, options: [], flags: ["--json"], words: 1...logsMax)
        let logs = arguments.words
        let runs = try logs.enumerated().map { try Command.runLog($1, number: $0) }
        let sales = runs.reduce(into: Set<String>()) { $0.formUnion($1.sales) }.sorted()
        guard sales.count <= 1 else {
            throw CommandFailure("the logs are of several sales: \(sales.joined(separator: ", "))", ExitCode.data)
        }
        let attempts = runs.flatMap(\.attempts)
        guard !attempts.isEmpty else { throw CommandFailure("the log is empty: it proves nothing", ExitCode.data) }
        let fairness = Fairness(attempts)
        if arguments.has("--json") { Output.line(fairness.json(logs)) } else { show(fairness, logs) }
        let isFair = [fairness.units, fairness.tickets].allSatisfy { $0?.isFair ?? true }
        return isFair ? ExitCode.ok : ExitCode.negative
    }

    private static func show(_ fairness: Fairness, _ logs: [String]) {
        var lines: [(name: String, value: String)] = []
        if let tickets = fairness.tickets { lines += tickets.lines("tickets") }
        lines += fairness.units.lines("units")
        if let cut = fairness.cut {
            lines += [
                ("last_position", "\(cut.lastPosition)"), ("sold_out_after", milliseconds(cut.soldOutAfter)),
                ("missed_it", "\(cut.missedIt)"), ("missed_it_by", milliseconds(cut.largestLead)),
                ("won_after_sold_out", "\(cut.wonAfter)"),
            ]
        }
        lines.append(("busiest_second", "\(fairness.busiestSecond)"))
        Output.print(lines)
        let inversions = (fairness.tickets?.inversions ?? []) + fairness.units.inversions
        let duplicates = (fairness.tickets?.duplicates ?? []) + fairness.units.duplicates
        func place(_ log: Int, _ line: Int) -> String { "line \(line) of \(logs[log])" }
        Output.list(
            inversions.map {
                let place = place($0.log, $0.line)
                return "position \($0.position), asked for when \($0.answered) was known (\(place))"
            }
                + duplicates.map { "position \($0.position) was another buyer's (\(place($0.log, $0.line)))" })
    }

    fileprivate static func milliseconds(_ nanoseconds: Int) -> String {
        let (whole, rest) = abs(nanoseconds / 10_000).quotientAndRemainder(dividingBy: 100)
        return "\(nanoseconds < 0 ? "-" : "")\(whole).\(rest < 10 ? "0" : "")\(rest) ms"
    }
}

extension Fairness.Queue {
    fileprivate func lines(_ name: String) -> [(name: String, value: String)] {
        [
            (name, "\(count)"), ("\(name)_inversions", "\(inversions.count)"),
            ("\(name)_duplicates", "\(duplicates.count)"), ("\(name)_overtaken", "\(overtaken)"),
            ("\(name)_largest_lead", Command.milliseconds(largestLead)),
        ]
    }

    /// Appends all members, without braces.
    fileprivate func append(_ logs: [String], to text: inout ByteBuffer) {
        text.appendMember("count", count)
        text.appendMember("inversions", objects: inversions) { text, inversion in
            text.appendMember("log", logs[inversion.log])
            text.appendMember("line", inversion.line)
            text.appendMember("position", inversion.position)
            text.appendMember("answered", inversion.answered)
        }
        text.appendMember("duplicates", objects: duplicates) { text, duplicate in
            text.appendMember("log", logs[duplicate.log])
            text.appendMember("line", duplicate.line)
            text.appendMember("position", duplicate.position)
        }
        text.appendMember("overtaken", overtaken)
        text.appendMember("largest_lead_ns", largestLead)
    }
}

extension Fairness {
    fileprivate func json(_ logs: [String]) -> String {
        ByteBuffer.json { text in
            text.appendMember("tickets", object: tickets) { $1.append(logs, to: &$0) }
            text.appendMember("units", object: units) { $1.append(logs, to: &$0) }
            text.appendMember("cut", object: cut) { text, cut in
                text.appendMember("last_position", cut.lastPosition)
                text.appendMember("sold_out_after_ns", cut.soldOutAfter)
                text.appendMember("missed_it", cut.missedIt)
                text.appendMember("missed_it_by_ns", cut.largestLead)
                text.appendMember("won_after_sold_out", cut.wonAfter)
            }
            text.appendMember("busiest_second", busiestSecond)
        }
    }
}
