import Shared
import Testing

@Suite struct `A command line` {
    private func reason(_ line: [String]) throws(Arguments.UsageError) -> String? {
        try Arguments(line, options: ["--reason"], flags: ["--dry-run"], words: 0...1).value("--reason")
    }

    @Test(arguments: [
        (["--reason", "why"], "why"), (["--reason", "-5"], "-5"), (["--reason", ""], ""), (["--reason="], ""),
        (["--reason=--dry-run"], "--dry-run"), (["--reason=a=b"], "a=b"),
    ])
    func `gives an option its value`(_ line: [String], _ value: String) throws {
        #expect(try reason(line) == value)
    }

    @Test(arguments: [["--reason"], ["--reason", "--dry-run"], ["--reason", "--", "r1"], ["--reason", "--reason=x"]])
    func `takes no other option for a value that was forgotten`(_ line: [String]) {
        #expect(throws: Arguments.UsageError("--reason needs a value")) { try reason(line) }
    }
}
