import Shared
import TestSupport
import Testing

@testable import SaleCtl

@Suite struct `A rate` {
    @Test(arguments: [("1/s", 1), ("50/s", 50), ("2000/s", 2000)])
    func `is digits and /s`(_ text: String, _ number: Int) throws {
        #expect(try Arguments.rate(text, upTo: 2000) == number)
    }

    @Test(arguments: ["", "/s", "50", "50/m", "+50/s", "-50/s", "5e1/s", " 50/s", "50 /s", "0/s", "2001/s"])
    func `is nothing else, and not out of its range`(_ text: String) {
        #expect(throws: Arguments.UsageError.self) { try Arguments.rate(text, upTo: 2000) }
    }

    @Test(arguments: [
        ["admit", "demo", "+5/s"], ["dlq", "redrive", "demo", "--all", "--reason", "r", "--rate", "+5/s"],
    ])
    func `follows the same rules in every command`(_ line: [String]) throws {
        let result = try ChildProcess.run(ChildProcess.product("salectl"), line)
        #expect(result.code == ExitCode.usage)
        #expect(result.errors.contains("\"+5/s\" is no rate"), "\(result.errors)")
    }
}
