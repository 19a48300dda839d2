import OrderStore
import Shared

/// Reading dead letters from SQLite, beside a running worker.
extension Command {
    static let letters = Command(
        "dlq ls", "[ID] [--filter F]… [--limit N] [--json]", "Lists dead letters, of one sale or of all.",
        details: """
              --filter F   \(LetterFilter.help)
              --limit N    only the first N
              --json       as JSON

            In the order of the stream. They are never deleted: what was redriven or discarded stays on the list.
            """
    ) { line, context in
        let arguments = try Arguments(line, options: ["--filter", "--limit"], flags: ["--json"], words: 0...1)
        let sale = try arguments.words.first.map { try Arguments.sale($0) }
        let letters = try select(arguments, sale, context)
        if arguments.has("--json") {
            Output.json { $0.appendMember("letters", objects: letters) { $1.figures.append(to: &$0) } }
        } else {
            Output.print(
                table: letters.map {
                    [
                        "\($0.sale)", $0.streamID, $0.state, $0.reason, $0.stage, $0.position.map { "\($0)" } ?? "-",
                        "\($0.attempts)", $0.lastFailedAt.rfc3339, EscapedText.of(Array($0.message.utf8)),
                    ]
                },
                headings: ["SALE", "LETTER", "STATE", "REASON", "STAGE", "POSITION", "TRIES", "FAILED", "MESSAGE"])
        }
        return ExitCode.ok
    }

    static let letter = Command(
        "dlq show", "ID STREAM_ID [--json]", "Shows one dead letter, every field of its entry byte for byte.",
        details: """
            Printable characters are shown as they are, a backslash as \\\\, any other byte as \\n, \\r, \\t or \\xNN.

              --json   as JSON; the fields are written the same way
            """
    ) { line, context in
        let arguments = try Arguments(line, options: [], flags: ["--json"], words: 2...2)
        let (sale, id) = (try Arguments.sale(arguments.words[0]), arguments.words[1])
        guard let letter = try context.reader().deadLetter(sale, id) else {
            throw CommandFailure("\(sale) has no dead letter \(id)", ExitCode.noInput)
        }
        if arguments.has("--json") {
            Output.json { text in
                letter.figures.append(to: &text)
                text.appendMember("fields")
                guard let fields = letter.fields else { return text.append("null") }
                text.append(each: fields.words) { $0.append(json: EscapedText.of($1)) }
            }
        } else {
            Output.print(letter.figures.lines.map { ($0.name, EscapedText.of(Array($0.value.utf8))) })
            if letter.fields == nil { Output.line("the entry's fields are not in SQLite") }
            Output.print(letter.pairs.map { ("  \(EscapedText.of($0))", EscapedText.of($1)) })
        }
        return ExitCode.ok
    }

    /// The letters that a command's filters and limit select.
    static func select(
        _ arguments: Arguments, _ sale: SaleID?, _ context: Context, adding filters: [String] = []
    ) throws -> [DeadLetter] {
        let filter = try LetterFilter(arguments.all("--filter") + filters)
        let limit = try arguments.integer("--limit", in: 1...Int.max) ?? Int.max
        let reader = try context.reader()
        let letters = try reader.deadLetters(of: sale)
        // A mistyped name must not look like a sale without dead letters.
        if let sale, letters.isEmpty, try reader.persistedPosition(of: sale) == nil {
            throw CommandFailure(notStored: sale)
        }
        return Array(letters.filter(filter.matches).prefix(limit))
    }
}

extension DeadLetter {
    /// Names and values; if the last name has no value, that is empty.
    fileprivate var pairs: [(name: [UInt8], value: [UInt8])] {
        let fields = fields?.words ?? []
        return stride(from: 0, to: fields.count, by: 2).map {
            (fields[$0], $0 + 1 < fields.count ? fields[$0 + 1] : [])
        }
    }
}
