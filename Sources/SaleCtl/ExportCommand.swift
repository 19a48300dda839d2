import OrderStore
import Shared

extension Command {
    /// Positions that are named one by one.
    private static let namedMax = 20

    static let export = Command(
        "export", "ID [--format csv|jsonl] [--after POSITION] [--limit N] [--output FILE]",
        "Writes a sale's orders for fulfilment, by position, from SQLite.",
        details: """
              --format csv|jsonl   RFC 4180 with a header (default), or one JSON object a line
              --after POSITION     start after this position (default 0: from the beginning)
              --limit N            at most this many orders
              --output FILE        write FILE.partial and rename it once it is on the disk; an older FILE is replaced

            Writes each order once, and none after the position up to which everything is stored. It prints the last
            position on stderr: the next export, with --after and that position, misses none that is stored later. What
            is not an order is left out and counted on stderr: positions that were voided or lost, and dead letters.
            Open dead letters are named, because they may still become orders; export such an order with --after its
            position less 1 and --limit 1. Letters that became orders during the export, too late to be in it, are named
            as well. It reads beside a running worker and may take its time: nothing waits for it.
            """
    ) { line, context in
        let arguments = try Arguments(
            line, options: ["--format", "--after", "--limit", "--output"], words: 1...1)
        let sale = try Arguments.sale(arguments.words[0])
        let formatName = try arguments.value("--format") ?? "csv"
        guard let format = OrderFormat(rawValue: formatName) else {
            throw Arguments.UsageError("--format is \"\(formatName)\"; it must be csv or jsonl")
        }
        let after = try arguments.integer("--after", in: 0...Int.max) ?? 0
        let limit = try arguments.integer("--limit", in: 1...Int.max) ?? .max
        let output = try arguments.value("--output")
        if let output { try context.spare(output) }
        let reader = try context.reader()
        guard let persisted = try reader.persistedPosition(of: sale) else {
            throw CommandFailure(notStored: sale)
        }
        // Read before the orders: a letter that is redriven meanwhile may become an order below the current position.
        var awaited = Set(try reader.omissions(of: sale, after: after, through: persisted).open)
        do {
            let file = try output.map { try PartialFile($0) }
            var text = ByteBuffer(capacity: 262_144)
            /// False if nobody reads it.
            func flush() throws -> Bool {
                defer { text.removeAll() }
                guard let file else { return Output.write(text.bytes) }
                try file.append(text.bytes)
                return true
            }
            format.appendHeader(to: &text)
            var written = 0
            var formulas = 0
            var position = after
            while written < limit {
                let page = try reader.page(of: sale, after: position, through: persisted, limit: limit - written)
                guard let last = page.last else { break }
                for order in page { format.append(order, to: &text) }
                formulas += page.count { OrderFormat.looksLikeFormula($0.buyer) }
                awaited.subtract(page.map(\.id.position))
                written += page.count
                position = last.id.position
                guard try flush() else { return ExitCode.ok }
            }
            guard try flush() else { return ExitCode.ok }
            try file?.finish()
            // If the limit did not cut it short, it covers everything up to the persisted position.
            let end = written < limit ? max(after, persisted) : position
            Output.error("salectl: \(counted(written, "order")); last position \(end)")
            if format == .csv, formulas > 0 {
                Output.error(
                    "salectl: a spreadsheet would take \(counted(formulas, "buyer's name", "buyers' names")) for "
                        + "formulas (=, +, - or @ in front): import the column as text")
            }
            let omissions = try reader.omissions(of: sale, after: after, through: end)
            report(omissions)
            let late = try awaited.subtracting(omissions.open).filter { position in
                try position <= end && !reader.page(of: sale, after: position - 1, through: position, limit: 1).isEmpty
            }
            name("dead letters that became orders meanwhile, and are not in it", late.sorted())
        } catch let error as FileError {
            throw CommandFailure(unwritable: output ?? "", error)
        }
        return ExitCode.ok
    }

    private static func report(_ omissions: Omissions) {
        guard omissions != Omissions() else { return }
        Output.error(
            "salectl: not in it: \(counted(omissions.open.count, "dead letter")), "
                + "\(omissions.voided) voided, \(omissions.lost) lost")
        name("open dead letters, which may become orders yet", omissions.open)
    }

    private static func name(_ what: String, _ positions: [Int]) {
        guard !positions.isEmpty else { return }
        let named = positions.prefix(namedMax).map(String.init).joined(separator: ", ")
        Output.error("salectl: \(what): positions \(named)\(positions.count > namedMax ? " …" : "")")
    }
}
