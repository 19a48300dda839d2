import Foundation
import Shared
import TestSupport
import Testing

extension salectl {
    @Test func `names the log, among several, that shows an inversion or a duplicate`() throws {
        let directory = try TemporaryDirectory()
        func write(
            _ name: String, _ buyer: String, _ invoked: Int, _ position: Int, of sale: String = "demo"
        ) throws -> String {
            let path = directory.path(name)
            try """
            {"inv_ns":\(invoked),"resp_ns":\(invoked + 1),"buyer":"\(buyer)","key":"k-\(buyer)","status":201,\
            "problem":null,"position":\(position)}
            {"kind":"end","sale":"\(sale)","attempts":1}

            """.write(toFile: path, atomically: true, encoding: .utf8)
            return path
        }
        let logs = [try write("one.jsonl", "a", 0, 2), try write("two.jsonl", "b", 5, 1)]
        let salectl = ChildProcess.product("salectl")
        let result = try ChildProcess.run(salectl, ["fairness"] + logs)
        #expect(result.code == ExitCode.negative)
        #expect(result.output.hasSuffix("  position 1, asked for when 2 was known (line 1 of \(logs[1]))\n"))
        let json = try ChildProcess.run(salectl, ["fairness", "--json"] + logs)
        #expect(json.output.contains(#""inversions":[{"log":"\#(logs[1])","line":1,"position":1,"answered":2}]"#))
        // The same position for both.
        let same = [logs[0], try write("two.jsonl", "b", 5, 2)]
        let duplicate = try ChildProcess.run(salectl, ["fairness"] + same)
        #expect(duplicate.code == ExitCode.negative)
        #expect(duplicate.output.hasSuffix("  position 2 was another buyer's (line 1 of \(same[1]))\n"))
        let duplicates = try ChildProcess.run(salectl, ["fairness", "--json"] + same)
        #expect(duplicates.output.contains(#""duplicates":[{"log":"\#(same[1])","line":1,"position":2}]"#))
        let other = try ChildProcess.run(
            salectl, ["fairness", logs[0], try write("two.jsonl", "b", 5, 3, of: "other")])
        #expect(other.code == ExitCode.data)
        #expect(other.errors.contains("the logs are of several sales: demo, other"))
    }
}
