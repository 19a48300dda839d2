import Shared
import TestSupport
import Testing

@testable import SaleCtl

@Suite struct `A rate` {
    @Test(arguments: [("1/s", 1), ("50/s", 50), ("2000/s", 2000)])
    func `is digits and /s`(_ text: String, _ number: Int) throws {
        #expect(try Arguments.rate("RATE", text, upTo: 2000) == number)
    }

    @Test(arguments: ["", "/s", "50", "50/m", "+50/s", "-50/s", "5e1/s", " 50/s", "50 /s", "0/s", "2001/s"])
    func `is nothing else, and not out of its range`(_ text: String) {
        #expect(throws: Arguments.UsageError.self) { try Arguments.rate("RATE", text, upTo: 2000) }
    }

    @Test(arguments: [
        (["admit", "demo"], "RATE"), (["dlq", "redrive", "demo", "--all", "--reason", "r", "--rate"], "--rate"),
        (["create", "demo", "--title", "T", "--stock", "1", "--admit"], "--admit"),
    ])
    func `follows the same rules in every command, and is named where it breaks them`(
        _ line: [String], _ name: String
    ) throws {
        let result = try ChildProcess.run(ChildProcess.product("salectl"), line + ["+5/s"])
        #expect(result.code == ExitCode.usage)
        let sentence = ": \(name) is \"+5/s\"; it must be a rate like 50/s, from 1/s to "
        #expect(result.errors.contains(sentence), "\(result.errors)")
    }
}
