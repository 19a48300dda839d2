import Foundation
import TestSupport
import Testing

@Suite struct `The summary of a validation` {
    /// `buyers` wanted to press; unless said otherwise, those in the log.
    private func summarise(_ log: String, buyers: Int = 0, _ options: [String] = []) throws -> [String: Any] {
        let directory = try TemporaryDirectory()
        try log.write(toFile: directory.path("log"), atomically: true, encoding: .utf8)
        try "200 0.010\n200 0.020\n502 0.001\n200 0.030\n"
            .write(toFile: directory.path("visits"), atomically: true, encoding: .utf8)
        let visits = ["--rest", directory.path("visits"), "--visits", directory.path("visits")]
        let result = try ChildProcess.run(
            URL(fileURLWithPath: "/usr/bin/python3"),
            [Ingress.repository.appendingPathComponent("validate/summary.py").path, directory.path("log")]
                + ["--buyers", "\(buyers)"] + visits + options)
        #expect(result.code == 0, "\(result.errors)")
        return try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any] ?? [:]
    }

    /// The objectives for buyers that a run with these figures misses.
    private func missed(_ summary: [String: Any]) throws -> [String] {
        let directory = try TemporaryDirectory()
        let check: [String: Any] = ["check": ["verdict": "green", "orders": 10], "wrong": [String]()]
        let buyers = summary.filter { $0.key != "shop" }
        try JSONSerialization.data(withJSONObject: buyers.merging(check) { $1 })
            .write(to: directory.url.appendingPathComponent("summary"))
        let result = try ChildProcess.run(
            URL(fileURLWithPath: "/usr/bin/jq"),
            [
                "-c", "--argjson", "stock", "10", "--argjson", "rate", "10", "--argjson", "peak", "true",
                "-f", Ingress.repository.appendingPathComponent("validate/judge.jq").path, directory.path("summary"),
            ])
        #expect(result.code == 0, "\(result.errors)")
        let judged = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any] ?? [:]
        let objectives = try #require(judged["objectives"] as? [[String: Any]])
        let names = objectives.filter { $0["met"] as? Bool == false }.compactMap { $0["name"] as? String }
        #expect((judged["wrong"] as? [String])?.count == names.count)
        return names
    }

    /// One attempt, in milliseconds; sent when it was due, unless said otherwise.
    private func attempt(
        _ buyer: Int, _ due: Int, sent: Int? = nil, _ to: Int?, _ status: Int, _ problem: String? = nil
    ) -> String {
        let told = to.map { "\($0)000000" } ?? "null"
        return """
            {"due_ns":\(due)000000,"inv_ns":\(sent ?? due)000000,"resp_ns":\(told),"buyer":"b\(buyer)","key":"k",\
            "status":\(status),"problem":\(problem.map { "\"\($0)\"" } ?? "null"),"position":null}

            """
    }

    @Test func `counts answers by the second of their request`() throws {
        let log =
            attempt(1, 1000, 1010, 201) + attempt(2, 1100, 1120, 503, "unavailable") + attempt(3, 1500, nil, 0)
            + attempt(2, 2200, 2230, 409, "sold-out") + attempt(3, 2500, 6000, 202) + attempt(3, 7000, 7100, 201)
            + attempt(1, 7200, 7250, 200) + #"{"kind":"end","sale":"demo","attempts":7}"# + "\n"
        let summary = try summarise(log, ["--fault", "1900000000", "2300000000"])
        let slo = summary["slo"] as? [String: Double] ?? [:]
        #expect(slo["buyers"] == 3 && slo["buyers_told"] == 3)
        #expect(slo["slowest_ms"] == 3500 && slo["p95_ms"] == 4500)
        #expect(slo["slowest_until_told_ms"] == 5600)
        #expect(slo["refused_ratio"] == 1.0 / 7 && slo["broken_ratio"] == 1.0 / 3)
        let seconds = summary["seconds"] as? [[String: Any]] ?? []
        func column(_ name: String) -> [Int] { seconds.map { $0[name] as? Int ?? -1 } }
        #expect(column("pressed") == [3, 2, 0, 0, 0, 0, 2])
        #expect(column("won") == [1, 0, 0, 0, 0, 0, 1])
        #expect(column("again") == [0, 0, 0, 0, 0, 0, 1])
        #expect(column("sold_out") == [0, 1, 0, 0, 0, 0, 0])
        #expect(column("pending") == [0, 1, 0, 0, 0, 0, 0])
        #expect(column("come_back") == [1, 0, 0, 0, 0, 0, 0])
        #expect(column("unanswered") == [1, 0, 0, 0, 0, 0, 0])
        #expect(seconds.map { $0["fault"] as? Bool } == [true, true, false, false, false, false, false])
        let shop = (summary["shop"] as? [String: Any])?["during"] as? [String: Double] ?? [:]
        #expect(shop["visits"] == 4 && shop["availability"] == 0.75 && shop["p95_ms"] == 30)
    }

    /// Ten buyers in one second, each answered at once.
    private func second(_ number: Int) -> String {
        (number * 10..<number * 10 + 10).map { attempt($0, $0 * 100, $0 * 100 + 5, 201) }.joined()
    }

    @Test func `is met by a server that answers everybody at once`() throws {
        #expect(try missed(summarise(second(1) + second(2))) == [])
    }

    @Test func `counts a server that answers after 3,6 seconds as slow, though nobody waits that long`() throws {
        // The server has decided by the time of the second press, so it answers that one at once.
        let log = second(1) + attempt(1, 1900, nil, 0) + attempt(1, 5520, 5530, 200)
        let summary = try summarise(log)
        let slo = summary["slo"] as? [String: Double] ?? [:]
        #expect(slo["slowest_ms"] == 3000 && slo["p95_ms"] == 3630)
        #expect(slo["broken_ratio"] == 1.0 / 11)
        #expect(
            try missed(summary) == [
                "the slowest answer", "without an answer", "told yes or no", "till yes or no, p95 · most",
            ])
    }

    @Test func `counts from when a press was due, if a stall has kept the client from sending it`() throws {
        let stalled = (0..<10).map { attempt($0, 2000 + $0 * 100, sent: 5200, 5205, 201) }.joined()
        let summary = try summarise(second(1) + stalled)
        #expect((summary["slo"] as? [String: Double])?["slowest_ms"] == 3205)
        #expect(try missed(summary).contains("the slowest answer"))
    }

    @Test func `counts a buyer who has never had a connection as one without an answer`() throws {
        let summary = try summarise(second(1) + second(2), buyers: 25)
        let slo = summary["slo"] as? [String: Double] ?? [:]
        #expect(slo["buyers"] == 25 && slo["buyers_told"] == 20)
        #expect(slo["broken_ratio"] == 0.2 && slo["p99_ms"] == 3000)
        #expect(try missed(summary) == ["without an answer", "told yes or no at last"])
    }

    @Test(arguments: [
        (100_000, 10, "1/10 of the million that press within ten seconds, 1/10 of their rate;"),
        (6000, 12, "1/167 of the million that press within ten seconds, 1/200 of their rate;"),
        (1, 1, "1/1000000 of the million that press within ten seconds, 1/100000 of their rate;"),
        (2_000_000, 10, "2 times the million that press within ten seconds, 2 times their rate;"),
        (1_000_000, 10, "the million that press within ten seconds, their rate;"),
        (1_000_000, 20, "the million that press within ten seconds, 1/2 of their rate;"),
        (400_000, 12, "0.4 of the million that press within ten seconds, 1/3 of their rate;"),
        (700_000, 60, "0.7 of the million that press within ten seconds, 0.117 of their rate;"),
    ])
    func `says how large the run was beside the target`(_ buyers: Int, _ seconds: Int, _ scale: String) throws {
        let said = try ChildProcess.run(
            URL(fileURLWithPath: "/usr/bin/jq"),
            [
                "-nr", "--argjson", "buyers", "\(buyers)", "--argjson", "seconds", "\(seconds)", "--argjson", "cores",
                "2",
                "-f", Ingress.repository.appendingPathComponent("validate/scale.jq").path,
            ])
        #expect(said.output.contains("a second, \(scale) 2 cores"), "\(said.output)\(said.errors)")
    }

    @Test func `dilutes no buyer's wait with the quick refusals of others who come back`() throws {
        let refusals = (0..<1000).map { attempt(2, 2000 + $0, 2001 + $0, 503, "unavailable") }.joined()
        let summary = try summarise(second(1) + attempt(1, 1900, 3400, 201) + refusals)
        #expect((summary["slo"] as? [String: Double])?["p95_ms"] == 1500)
    }

    @Test func `is refused if nobody has pressed or the command line names nothing`() throws {
        let directory = try TemporaryDirectory()
        try "".write(toFile: directory.path("log"), atomically: true, encoding: .utf8)
        let summary = Ingress.repository.appendingPathComponent("validate/summary.py").path
        let python = URL(fileURLWithPath: "/usr/bin/python3")
        #expect(try ChildProcess.run(python, [summary, directory.path("log"), "--buyers", "1"]).code == 1)
        #expect(try ChildProcess.run(python, [summary, directory.path("log")]).code == 64)
        let validate = Ingress.repository.appendingPathComponent("script/validate").path
        let bash = URL(fileURLWithPath: "/bin/bash")
        #expect(try ChildProcess.run(bash, [validate]).code == 64)
        #expect(try ChildProcess.run(bash, [validate, "peak", "--over", "soon"]).code == 64)
        #expect(try ChildProcess.run(bash, [validate, "--help"]).output.contains("peak"))
    }
}
