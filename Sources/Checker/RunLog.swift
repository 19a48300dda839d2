import Shared

/// What `stampede --log` has written in one run, or in several that follow each other in one file. Each run's last line
/// says how many attempts it has, so that a log that was cut off, or that has lost or repeated lines, can be told from
/// a whole one: it would hide broken promises, or show some that nobody broke. The log of another client may have
/// attempts alone; whether it is whole, its client has to know.
package struct RunLog: Sendable {
    package private(set) var attempts: [Attempt] = []
    /// The sales that buyers pressed for.
    package private(set) var sales: Set<String> = []

    /// Why a text is not the log of whole runs.
    package struct Malformed: Error, CustomStringConvertible {
        package let line: Int
        fileprivate let message: String

        package var description: String { "line \(line) \(message)" }
    }

    /// Reads a log, line by line. `number` tells several logs apart.
    package init(_ text: Span<UInt8>, number: Int = 0) throws(Malformed) {
        var start = 0
        var line = 0
        // Attempts of the runs that have ended.
        var ended = 0
        var mustEnd = false
        while start < text.count {
            line += 1
            let stop = text.firstIndex(of: UInt8(ascii: "\n"), from: start) ?? text.count
            let entry = text.extracting(start..<stop)
            start = stop + 1
            let end: End
            do throws(JSONReader.Failure) {
                guard entry.starts(with: "{\"kind\":\"end\"") else {
                    attempts.append(try Attempt(entry, log: number, line: line))
                    mustEnd = mustEnd || Self.isStampedes(entry)
                    continue
                }
                end = try End(entry)
            } catch {
                throw Malformed(line: line, message: "is not an attempt as stampede --log writes it")
            }
            let count = attempts.count - ended
            guard end.attempts == count else {
                throw Malformed(
                    line: line, message: "ends a run of \(end.attempts) attempts, and \(count) are before it")
            }
            sales.insert(end.sale)
            ended = attempts.count
            mustEnd = true
        }
        guard ended == attempts.count || !mustEnd else {
            throw Malformed(line: line, message: "is not the end of a run: the log was cut off after it")
        }
    }

    /// Whether stampede has written an attempt's line: only it says when the attempt was due.
    private static func isStampedes(_ entry: Span<UInt8>) -> Bool {
        entry.starts(with: "{\"due_ns\":") || entry.starts(with: "{\"kind\":\"join\",\"due_ns\":")
    }
}

/// The last line of a run.
private struct End {
    let sale: String
    let attempts: Int

    init(_ text: Span<UInt8>) throws(JSONReader.Failure) {
        let members = try JSONMembers(text, numbers: ["attempts"])
        guard let sale = members.string("sale"), !sale.isEmpty, let attempts = members.number("attempts") else {
            throw .malformed
        }
        (self.sale, self.attempts) = (sale, attempts)
    }
}
