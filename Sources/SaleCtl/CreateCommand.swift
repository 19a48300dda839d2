import OrderStore
import RedisClient
import Shared

extension Command {
    static let create = Command(
        "create",
        "ID --title T --stock N [--max-per-buyer N] [--opens-at TIME] [--closes-at TIME] "
            + "[--admit RATE [--turn-window D]] [--json]",
        "Creates a sale on Redis; buyers can buy from its opening time on.",
        details: """
              --title T           what is sold, one line of up to \(Limits.titleBytesMax) bytes
              --stock N           units on sale
              --max-per-buyer N   units one buyer may have, 1 to \(Limits.quantityMax) (default 1)
              --opens-at TIME     now (default), +30s, +5m, or RFC 3339, as in 2026-11-26T20:00:00+01:00
              --closes-at TIME    in the same form; without it the sale ends when it is closed
              --admit RATE        with a waiting room that lets this many buyers in, as in 2000/s
              --turn-window D     how long each buyer's turn lasts, 1m to 24h (default 2m)
              --json              print the sale as JSON

            Times that are not RFC 3339 count from Redis' clock, which also opens and closes the sale. An opening time
            may be up to a minute ago, and no time more than ten years away.
            """
    ) { line, context in
        let arguments = try Arguments(
            line,
            options: [
                "--title", "--stock", "--max-per-buyer", "--opens-at", "--closes-at", "--admit", "--turn-window",
            ], flags: ["--json"], words: 1...1)
        let sale = try Arguments.sale(arguments.words[0])
        guard let title = try arguments.title() else { throw Arguments.UsageError("--title is missing") }
        guard let stock = try arguments.integer("--stock", in: 1...Limits.stockMax) else {
            throw Arguments.UsageError("--stock is missing")
        }
        let maxPerBuyer = try arguments.integer("--max-per-buyer", in: 1...Limits.quantityMax) ?? 1
        let opensAt = try TimeArgument(arguments, "--opens-at", now: .now)
        let closesAt = try TimeArgument(arguments, "--closes-at", now: .now)
        let admission = try AdmissionArgument.admission(arguments)

        if let mark = try context.existingReader()?.archiveMark(of: sale) {
            throw CommandFailure(
                mark.archivedAt == nil
                    ? "there is a sale \(sale) already, and a name is never used again; "
                        + "if Redis has lost it, the worker brings it back from SQLite"
                    : "there is an archived sale \(sale) already, and a name is never used again", ExitCode.cantCreate)
        }
        let redis = try context.redis()
        let now = try redis.time()
        let new = NewSale(
            sale: sale, title: title, stock: stock, maxPerBuyer: maxPerBuyer, opensAt: opensAt?.resolved(now),
            closesAt: closesAt?.resolved(now), admission: admission)
        if let closes = new.closesAt, closes <= max(now, new.opensAt ?? now) {
            throw Arguments.UsageError("--closes-at must be later than now and than --opens-at")
        }
        let isCreated = try context.change(sale) { () throws(RedisError) in try redis.create(new) }
        guard isCreated else {
            throw CommandFailure(
                "a sale \(sale), or a part of one, is on Redis already, or was archived", ExitCode.cantCreate)
        }
        try context.changed(sale, on: redis).print(json: arguments.has("--json"))
        return ExitCode.ok
    }
}

extension Arguments {
    /// The title, which buyers see in a line of its own.
    func title() throws(UsageError) -> String? {
        guard let title = try value("--title") else { return nil }
        guard !title.isEmpty, title.utf8.count <= Limits.titleBytesMax, title.isOneLine else {
            throw UsageError(
                "--title must be one line of 1 to \(Limits.titleBytesMax) bytes, without control characters")
        }
        return title
    }
}

/// A point in time as the operator writes it.
enum TimeArgument: Equatable {
    /// Milliseconds from now.
    case fromNow(Int)
    case at(UnixMilliseconds)

    /// Reads `now`, `+30s` or RFC 3339; nil for anything else.
    init?(_ text: String) {
        if text == "now" {
            self = .fromNow(0)
        } else if text.hasPrefix("+"), let milliseconds = DurationText.milliseconds(String(text.dropFirst())) {
            self = .fromNow(milliseconds)
        } else if let time = UnixMilliseconds(rfc3339: text), time.value > 0 {
            self = .at(time)
        } else {
            return nil
        }
    }

    /// Reads an option; nil if it isn't given.
    init?(_ arguments: Arguments, _ option: String, now: UnixMilliseconds) throws(Arguments.UsageError) {
        guard let text = try arguments.value(option) else { return nil }
        guard let time = TimeArgument(text) else {
            throw Arguments.UsageError(
                "\(option) is \"\(text)\"; it must be now, +30s or RFC 3339, as in 2026-11-26T20:00:00+01:00")
        }
        let away = time.resolved(now).value - now.value
        guard away <= Self.awayMax else {
            throw Arguments.UsageError("\(option) is \"\(text)\", which is more than ten years away")
        }
        guard away >= -Self.agoMax else {
            throw Arguments.UsageError("\(option) is \"\(text)\", which is more than a minute ago")
        }
        self = time
    }

    /// Milliseconds: a time later than this is a mistyped year.
    private static let awayMax = 10 * 366 * 86_400_000
    /// An earlier time is a mistyped year or yesterday's command, and would open a sale at once. A minute's grace:
    /// whoever types the present is late.
    private static let agoMax = 60_000

    func resolved(_ now: UnixMilliseconds) -> UnixMilliseconds {
        switch self {
        case .fromNow(let milliseconds): UnixMilliseconds(now.value + milliseconds)
        case .at(let time): time
        }
    }
}
