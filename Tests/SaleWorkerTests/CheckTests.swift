import Foundation
import RedisClient
import Shared
import TestSupport
import Testing

@Suite struct `salectl check` {
    private func check(
        _ log: String, _ options: [String] = [], end: String = #"{"kind":"end","sale":"demo","attempts":1}"#
    ) throws -> (code: Int32, output: String, errors: String) {
        let under = try WorkerUnderTest()
        let sale = try TestSale.create(under.redis, stock: 3)
        try under.start()
        #expect(under.drained(sale))
        let path = under.server.directory.path("attempts.jsonl")
        try (log + end).write(toFile: path, atomically: true, encoding: .utf8)
        return try under.salectl(["check", "demo", "--log", path] + options)
    }

    private func refusal(_ status: Int, _ problem: String) -> String {
        """
        {"due_ns":1,"inv_ns":1,"resp_ns":2,"buyer":"b","key":"k","status":\(status),"problem":"\(problem)",\
        "position":null}

        """
    }

    @Test(arguments: [(503, "unavailable"), (409, "sale-not-open"), (429, "rate-limited")])
    func `proves nothing from a log without a decision`(_ status: Int, _ problem: String) throws {
        let result = try check(refusal(status, problem))
        #expect(result.code == ExitCode.data)
        #expect(result.output.contains("verdict          invalid"))
        #expect(result.output.contains("the run never met: decision"))
        let met = try check(refusal(503, "unavailable"), ["--met", "unavailable,lost", "--json"])
        #expect(met.code == ExitCode.data)
        #expect(met.output.contains(#""never_met":["lost","decision"]"#))
    }

    @Test func `names a broken promise even if nothing else was decided`() throws {
        let result = try check(refusal(409, "sold-out"))
        #expect(result.code == ExitCode.negative)
        #expect(result.output.contains("sold_out_when_true: 3 units were never sold"))
    }

    @Test func `hears those, too, who were turned away from the waiting room`() throws {
        let join = refusal(409, "sold-out").replacingOccurrences(of: #"{"due_ns""#, with: #"{"kind":"join","due_ns""#)
        let result = try check(join)
        #expect(result.code == ExitCode.negative)
        #expect(result.output.contains("sold_out_when_true: 3 units were never sold"))
    }

    @Test func `holds the sale to the stock that it is told`() throws {
        let result = try check(refusal(409, "sold-out"), ["--stock", "5"])
        #expect(result.code == ExitCode.negative)
        #expect(result.output.contains("sold_out_when_true: 5 units were never sold"))
        #expect(result.output.contains("conservation: 2 units are gone from Redis"))
    }

    @Test(arguments: [
        (#"{"kind":"end","sale":"other","attempts":1}"#, "is of the sale other"),
        (#"{"kind":"end","sale":"demo","attempts":2}"#, "line 2 ends a run of 2 attempts, and 1 are before it"),
        ("", "line 1 is not the end of a run: the log was cut off after it"),
    ])
    func `proves nothing from the log of another sale, or from a part of one`(_ end: String, _ reason: String) throws {
        let result = try check(refusal(409, "sold-out"), end: end)
        #expect(result.code == ExitCode.data)
        #expect(result.errors.contains(reason), "\(result.errors)")
        #expect(result.output.isEmpty)
    }

    @Test func `takes the time of Redis for whether a sale has ended`() throws {
        func check(closesAt: String) throws -> String {
            let under = try WorkerUnderTest()
            let sale = try TestSale.create(under.redis, stock: 3)
            try under.start()
            #expect(under.drained(sale))
            let closed = try under.salectl(
                closesAt == "now" ? ["close", "demo"] : ["set", "demo", "--closes-at", closesAt])
            #expect(closed.code == 0, "\(closed.errors)")
            #expect(under.drained(sale))
            let path = under.server.directory.path("attempts.jsonl")
            try (refusal(409, "sale-ended") + #"{"kind":"end","sale":"demo","attempts":1}"#)
                .write(toFile: path, atomically: true, encoding: .utf8)
            return try under.salectl(["check", "demo", "--log", path]).output
        }
        #expect(try !check(closesAt: "now").contains("refused_when_true"))
        #expect(try check(closesAt: "+1h").contains("refused_when_true: b was answered sale-ended (line 1)"))
    }

    @Test(arguments: [
        (true, ExitCode.noInput, "demo is archived"), (false, ExitCode.unavailable, "Redis has lost demo"),
    ])
    func `says of a sale that Redis lacks what SQLite knows`(
        _ isArchived: Bool, _ code: Int32, _ reason: String
    ) throws {
        let under = try WorkerUnderTest()
        let sale = try TestSale.create(under.redis, stock: 3)
        let worker = try under.start()
        #expect(try under.redis.control(sale, .close) == nil)
        #expect(under.drained(sale))
        if isArchived { #expect(try under.salectl(["archive", "demo"]).code == 0) }
        worker.stop()
        try under.redis.command(["DEL", "\(SaleKeys(sale).sale)"])
        let path = under.server.directory.path("attempts.jsonl")
        try (refusal(409, "sale-ended") + #"{"kind":"end","sale":"demo","attempts":1}"#)
            .write(toFile: path, atomically: true, encoding: .utf8)
        let result = try under.salectl(["check", "demo", "--log", path])
        #expect(result.code == code)
        #expect(result.errors.contains(reason), "\(result.errors)")
    }

    @Test func `is red, and no error, if a win has no position`() throws {
        let result = try check(
            #"{"inv_ns":1,"resp_ns":2,"buyer":"b","key":"k","status":201,"problem":null,"position":null}"# + "\n")
        #expect(result.code == ExitCode.negative)
        #expect(result.output.contains("confirmed_is_stored: b has won, and was told no position (line 1)"))
    }
}
