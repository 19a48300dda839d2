import Foundation
import TestSupport
import Testing

@Suite struct `The summary of a validation` {
    private func summarise(_ log: String, _ options: [String] = []) throws -> [String: Any] {
        let directory = try TemporaryDirectory()
        try log.write(toFile: directory.path("log"), atomically: true, encoding: .utf8)
        try "200 0.010\n200 0.020\n502 0.001\n200 0.030\n"
            .write(toFile: directory.path("visits"), atomically: true, encoding: .utf8)
        let visits = ["--rest", directory.path("visits"), "--visits", directory.path("visits")]
        let result = try ChildProcess.run(
            URL(fileURLWithPath: "/usr/bin/python3"),
            [Ingress.repository.appendingPathComponent("validate/summary.py").path, directory.path("log")] + visits
                + options)
        #expect(result.code == 0, "\(result.errors)")
        return try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any] ?? [:]
    }

    private func attempt(_ buyer: Int, _ from: Int, _ to: Int?, _ status: Int, _ problem: String? = nil) -> String {
        let told = to.map { "\($0)000000" } ?? "null"
        return """
            {"inv_ns":\(from)000000,"resp_ns":\(told),"buyer":"b\(buyer)","key":"k","status":\(status),\
            "problem":\(problem.map { "\"\($0)\"" } ?? "null"),"position":null}

            """
    }

    @Test func `counts answers by the second of their request`() throws {
        let log =
            attempt(1, 1000, 1010, 201) + attempt(2, 1100, 1120, 503, "unavailable") + attempt(3, 1500, nil, 0)
            + attempt(2, 2200, 2230, 409, "sold-out") + attempt(3, 2500, 6000, 202) + attempt(3, 7000, 7100, 201)
        let summary = try summarise(log, ["--fault", "1900000000", "2300000000"])
        let slo = summary["slo"] as? [String: Double] ?? [:]
        #expect(slo["buyers"] == 3 && slo["buyers_told"] == 3)
        #expect(slo["slowest_ms"] == 3500 && slo["p95_ms"] == 3500)
        #expect(slo["slowest_until_told_ms"] == 5600)
        #expect(slo["refused_ratio"] == 1.0 / 6 && slo["broken_ratio"] == 1.0 / 6)
        let seconds = summary["seconds"] as? [[String: Any]] ?? []
        func column(_ name: String) -> [Int] { seconds.map { $0[name] as? Int ?? -1 } }
        #expect(column("pressed") == [3, 2, 0, 0, 0, 0, 1])
        #expect(column("won") == [1, 0, 0, 0, 0, 0, 1])
        #expect(column("sold_out") == [0, 1, 0, 0, 0, 0, 0])
        #expect(column("pending") == [0, 1, 0, 0, 0, 0, 0])
        #expect(column("come_back") == [1, 0, 0, 0, 0, 0, 0])
        #expect(column("unanswered") == [1, 0, 0, 0, 0, 0, 0])
        #expect(seconds.map { $0["fault"] as? Bool } == [true, true, false, false, false, false, false])
        let shop = (summary["shop"] as? [String: Any])?["during"] as? [String: Double] ?? [:]
        #expect(shop["visits"] == 4 && shop["availability"] == 0.75 && shop["p95_ms"] == 30)
    }

    @Test func `is refused if nobody has pressed or the command line names nothing`() throws {
        let directory = try TemporaryDirectory()
        try "".write(toFile: directory.path("log"), atomically: true, encoding: .utf8)
        let summary = Ingress.repository.appendingPathComponent("validate/summary.py").path
        let python = URL(fileURLWithPath: "/usr/bin/python3")
        #expect(try ChildProcess.run(python, [summary, directory.path("log")]).code == 1)
        let validate = Ingress.repository.appendingPathComponent("script/validate").path
        let bash = URL(fileURLWithPath: "/bin/bash")
        #expect(try ChildProcess.run(bash, [validate]).code == 64)
        #expect(try ChildProcess.run(bash, [validate, "peak", "--over", "soon"]).code == 64)
        #expect(try ChildProcess.run(bash, [validate, "--help"]).output.contains("peak"))
    }
}
