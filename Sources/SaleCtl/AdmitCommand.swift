import RedisClient
import Shared

extension Command {
    static let admit = Command(
        "admit", "ID RATE | pause | resume [--json]",
        "Changes how fast a waiting room lets buyers in, from now on.",
        details: """
              RATE      turns a second, as in 500/s
              pause     no turn begins until admission is resumed; buyers who were admitted stay admitted
              resume    continue where admission stopped, at the rate it had, or that was given since
              --json    print the sale as JSON

            Nobody who was admitted is sent back. Later turns move, and waiting buyers see that on the waiting room's
            page. This does not pause the sale: `salectl pause ID` stops selling, also to those who are admitted.

            Example: salectl admit thursday 500/s
            """
    ) { line, context in
        let arguments = try Arguments(line, options: [], flags: ["--json"], words: 2...2)
        let sale = try Arguments.sale(arguments.words[0])
        let change: BlockingRedis.AdmissionChange
        switch arguments.words[1] {
        case "pause": change = .pause
        case "resume": change = .resume
        case let text: change = .rate(try AdmissionArgument.rate("RATE", text))
        }
        let redis = try context.redis()
        let refusal = try context.change(sale) { () throws(RedisError) in try redis.admit(sale, change) }
        let report = try context.changed(sale, on: redis, unless: refusal)
        if arguments.has("--json") {
            Output.line(report.json)
        } else if let queue = report.queue {
            Output.line("\(sale) admits \(queue.room.schedule.last.label), \(queue.waiting) are waiting")
        }
        return ExitCode.ok
    }
}

/// A waiting room's settings as the operator writes them.
enum AdmissionArgument {
    /// Turns begin again when a pause ends, and the buyers' page notices that within 32 s: a shorter turn could be over
    /// by then.
    static let turnWindowMin = 60_000

    /// The turns a second of `2000/s`.
    static func rate(_ name: String, _ text: String) throws(Arguments.UsageError) -> Int {
        try Arguments.rate(name, text, upTo: Limits.admissionRateMax)
    }

    /// The waiting room that `--admit` and `--turn-window` ask for; nil if none.
    static func admission(_ arguments: Arguments) throws(Arguments.UsageError) -> NewSale.Admission? {
        let window = try turnWindow(arguments)
        guard let text = try arguments.value("--admit") else {
            guard window == nil else { throw Arguments.UsageError("--turn-window is for a sale with --admit") }
            return nil
        }
        return NewSale.Admission(
            rate: try rate("--admit", text), turnWindowMilliseconds: window ?? WaitingRoom.turnWindowDefault)
    }

    /// Milliseconds that `--turn-window` asks for; nil if it is not given.
    static func turnWindow(_ arguments: Arguments) throws(Arguments.UsageError) -> Int? {
        guard let milliseconds = try arguments.duration("--turn-window") else { return nil }
        guard (turnWindowMin...WaitingRoom.turnWindowRange.upperBound).contains(milliseconds) else {
            throw Arguments.UsageError("--turn-window must be from 1m to 24h")
        }
        // Everybody is told its seconds.
        guard milliseconds % 1000 == 0 else { throw Arguments.UsageError("--turn-window must be whole seconds") }
        return milliseconds
    }
}

extension AdmissionSchedule.Segment {
    /// As in `2000/s`, or `2000/s when resumed`.
    var label: String { "\(rate)/s\(isPaused ? " when resumed" : "")" }
}

extension QueueStatus {
    /// Buyers whose turn has not begun.
    var waiting: Int { lastPosition - admittedThrough(at: readAt) }
}
