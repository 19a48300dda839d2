import Glibc
import Shared

/// Prints results: `name value` lines for people, JSON for programs.
enum Output {
    /// Prints aligned `name  value` lines.
    static func print(_ pairs: [(name: String, value: String)]) {
        let width = pairs.map(\.name.count).max() ?? 0
        for (name, value) in pairs { line("\(name.padded(to: width))  \(value.oneLine)") }
    }

    private static let listMax = 20

    /// Prints indented lines, and of more than 20 how many are left out.
    static func list(_ lines: [String]) {
        for line in lines.prefix(listMax) { self.line("  \(line.oneLine)") }
        if lines.count > listMax { line("  … and \(lines.count - listMax) more (--json lists all)") }
    }

    /// Prints columns under their headings.
    static func print(table rows: [[String]], headings: [String]) {
        let rows = rows.map { $0.map(\.oneLine) }
        let widths = headings.indices.map { column in ([headings] + rows).map { $0[column].count }.max() ?? 0 }
        for row in [headings] + rows {
            let cells = zip(row, widths).map { $0.padded(to: $1) }
            line(cells.joined(separator: "  ").trimmedAtEnd)
        }
    }

    /// Prints a line at once, even into a pipe; false if nobody reads it.
    @discardableResult
    static func line(_ text: String) -> Bool { write(text + "\n") }

    /// Prints a JSON object as a line; `members` appends its members.
    static func json(_ members: (inout ByteBuffer) -> Void) { line(ByteBuffer.json(members)) }

    /// Prints text as it is; false if nobody reads it. Only what prints without end, or much, has to stop then.
    @discardableResult
    static func write(_ text: String) -> Bool { text.withBytes { write($0) } }

    @discardableResult
    static func write(_ bytes: Span<UInt8>) -> Bool { Program.print("salectl", bytes) }

    static func error(_ text: String) {
        let bytes = Array("\(text)\n".utf8)
        _ = Glibc.write(2, bytes, bytes.count)
    }

    static var isTerminal: Bool { isatty(1) == 1 }

    /// How many characters fit in a row of the terminal; so many that a line never wraps, if it does not say.
    static var columns: Int {
        var size = winsize()
        return ioctl(1, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : .max
    }
}

extension String {
    func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }

    fileprivate var trimmedAtEnd: String {
        var text = self[...]
        while text.last == " " { text = text.dropLast() }
        return String(text)
    }
}
