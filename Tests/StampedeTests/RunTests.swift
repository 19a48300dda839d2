import Foundation
import TestSupport
import Testing

@Suite struct `A run of the load client` {
    private struct Run {
        var code: Int32
        var report: [String: Double]
        /// Every attempt.
        var log: [[String: Any]]
        /// The last line of the log.
        var end: [String: Any]
        /// What it has printed on stderr.
        var errors: String

        func nanoseconds(_ name: String) -> [Int] { log.map { $0[name] as? Int ?? -1 } }
    }

    /// The settings of a client that has keys, which are written into the directory.
    private func settings(_ directory: TemporaryDirectory) throws -> [String: String] {
        let keys = directory.path("jwks.json")
        try #"{"keys":[{"kty":"oct","kid":"k","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]}"#
            .write(toFile: keys, atomically: true, encoding: .utf8)
        return ["SALE_JWT_JWKS_FILE": keys]
    }

    private func run(_ options: [String], _ answer: @escaping StubServer.Answer) throws -> Run {
        let directory = try TemporaryDirectory()
        let server = try StubServer(directory.path("api.sock"), answer)
        return try withExtendedLifetime(server) {
            let result = try ChildProcess.run(
                ChildProcess.product("stampede"),
                ["--target", "unix:\(directory.path("api.sock"))", "--sale", "demo", "--json"]
                    + ["--log", directory.path("log")] + options,
                environment: settings(directory))
            let report = try JSONDecoder().decode([String: Double].self, from: Data(result.output.utf8))
            var log = try String(contentsOfFile: directory.path("log"), encoding: .utf8).split(separator: "\n")
                .map { try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] ?? [:] }
            let end = log.removeLast()
            return Run(code: result.code, report: report, log: log, end: end, errors: result.errors)
        }
    }

    @Test func `succeeds if everybody is answered once`() throws {
        let run = try run(["--buyers", "20", "--connections", "4"]) { StubServer.secured($0) }
        #expect(run.report["secured"] == 20 && run.report["attempts"] == 20)
        #expect(run.report["lost"] == 0 && run.report["malformed"] == 0)
        #expect(run.code == 0)
    }

    @Test(arguments: [
        (["--target", "unix:/nowhere/api.sock"], "connect to unix:/nowhere/api.sock: No such file or directory"),
        // From a loopback address nothing outside can be reached.
        (["--target", "http://192.0.2.1:80", "--sources", "2"], "connect to 192.0.2.1:80: Invalid argument"),
    ])
    func `ends at once, and says why, if nobody can be connected to`(_ target: [String], _ reason: String) throws {
        let directory = try TemporaryDirectory()
        let result = try withExtendedLifetime(directory) {
            try ChildProcess.run(
                ChildProcess.product("stampede"), target + ["--sale", "demo", "--buyers", "2"],
                environment: settings(directory))
        }
        #expect(result.code == 71)
        #expect(result.errors.hasSuffix("stampede: \(reason)\n"))
        #expect(result.output.isEmpty)
    }

    @Test func `reports in lines of their own on a terminal`() throws {
        let directory = try TemporaryDirectory()
        let server = try StubServer(directory.path("api.sock")) { StubServer.secured($0) }
        let line = "stampede --target unix:\(directory.path("api.sock")) --sale demo --buyers 2"
        let output = try withExtendedLifetime(server) {
            try ChildProcess.run(
                URL(fileURLWithPath: "/usr/bin/script"),
                ["--quiet", "--return", "--command", "\(ChildProcess.product("stampede").path)\(line.dropFirst(8))"]
                    + [directory.path("typescript")], environment: settings(directory)
            ).output
        }
        // The terminal shows of a line what follows its last beginning.
        #expect(output.contains("\r\u{1B}[Kbuyers 2\r\n"), "\(output)")
    }

    @Test func `leaves an earlier log as it is if it can't begin`() throws {
        let directory = try TemporaryDirectory()
        let log = directory.path("log")
        try "earlier".write(toFile: log, atomically: true, encoding: .utf8)
        let line = ["--target", "unix:/nowhere/api.sock", "--sale", "demo", "--buyers", "2", "--log", log]
        for environment in [[:], try settings(directory)] {
            #expect(try ChildProcess.run(ChildProcess.product("stampede"), line, environment: environment).code != 0)
            #expect(try String(contentsOfFile: log, encoding: .utf8) == "earlier")
        }
        let server = try StubServer(directory.path("api.sock")) { StubServer.secured($0) }
        let began = try withExtendedLifetime(server) {
            try ChildProcess.run(
                ChildProcess.product("stampede"), line + ["--target", "unix:\(directory.path("api.sock"))"],
                environment: settings(directory))
        }
        #expect(try String(contentsOfFile: log, encoding: .utf8).hasPrefix("{\"due_ns\""), "\(began.errors)")
    }

    @Test func `counts a press whose connection is lost, and succeeds if a later one is answered`() throws {
        let run = try run(["--buyers", "20", "--connections", "4"]) { $0 == 5 ? nil : StubServer.secured($0) }
        #expect(run.report["errors"] == 0 && run.report["lost"] == 1 && run.report["attempts"] == 21)
        #expect(run.code == 0)
        #expect(run.log.filter { $0["resp_ns"] is NSNull }.count == 1)
        #expect(run.log.count == 21 && run.log.allSatisfy { $0["kind"] == nil })
        #expect(run.end["kind"] as? String == "end" && run.end["sale"] as? String == "demo")
        #expect(run.end["attempts"] as? Int == 21)
    }

    /// A client of a hundred buyers on one connection, whose presses from the sixth on are answered once `answer` is
    /// called.
    private func waiting(
        _ directory: TemporaryDirectory, _ body: (_ client: ChildProcess, _ answer: () -> Void) throws -> Void
    ) throws {
        let asked = DispatchSemaphore(value: 0)
        let gate = DispatchSemaphore(value: 0)
        let server = try StubServer(directory.path("api.sock")) { number in
            if number > 5 {
                asked.signal()
                gate.wait()
                gate.signal()
            }
            return StubServer.secured(number)
        }
        let output = directory.url.appendingPathComponent("out")
        _ = FileManager.default.createFile(atPath: output.path, contents: nil)
        let client = try ChildProcess(
            ChildProcess.product("stampede"),
            ["--target", "unix:\(directory.path("api.sock"))", "--sale", "demo", "--buyers", "100", "--json"]
                + ["--connections", "1", "--log", directory.path("log")], environment: settings(directory),
            errorLog: directory.url.appendingPathComponent("err"), output: FileHandle(forWritingTo: output))
        defer { gate.signal() }
        #expect(asked.wait(timeout: .now() + .seconds(60 * patience)) == .success)
        try withExtendedLifetime(server) { try body(client) { gate.signal() } }
    }

    @Test(arguments: [SIGINT, SIGTERM])
    func `ends its log and reports if it is interrupted, once the press in flight is answered`(_ signal: Int32) throws {
        let directory = try TemporaryDirectory()
        var errors = ""
        try waiting(directory) { client, answer in
            client.signal(signal)
            answer()
            #expect(client.wait() == 130)
            errors = client.errors
        }
        let output = try Data(contentsOf: directory.url.appendingPathComponent("out"))
        let report = try JSONDecoder().decode([String: Double].self, from: output).mapValues { Int($0) }
        // Six, or five if the machine has stood still, and the press was given up.
        let secured = try #require(report["secured"])
        #expect([5, 6].contains(secured) && report["errors"] == 100 - secured)
        #expect(errors.hasSuffix("stampede: interrupted: \(100 - secured) of 100 buyers have no final answer\n"))
        let log = try String(contentsOfFile: directory.path("log"), encoding: .utf8).split(separator: "\n")
        let attempts = log.count - 1
        #expect(report["attempts"] == attempts && log.last == #"{"kind":"end","sale":"demo","attempts":\#(attempts)}"#)
    }

    @Test func `waits for nothing if it is interrupted twice`() throws {
        let directory = try TemporaryDirectory()
        try waiting(directory) { client, _ in
            client.signal(SIGINT)
            client.signal(SIGTERM)
            #expect(client.wait() == 130)
        }
        #expect(try String(contentsOfFile: directory.path("out"), encoding: .utf8).isEmpty)
    }

    @Test func `says what the errors were`() throws {
        let unauthorized = #"{"type":"/problems/unauthorized","title":"Unauthorized"}"#
        let run = try run(["--buyers", "20", "--connections", "4"]) { number in
            switch number {
            case 1: "HTTP/1.1 418 I'm a teapot\r\ncontent-length: 0\r\n\r\n"
            case 2...4:
                "HTTP/1.1 401 Unauthorized\r\ncontent-length: \(unauthorized.utf8.count)\r\n\r\n\(unauthorized)"
            // Longer than anybody waits.
            case 5: "HTTP/1.1 503 Service Unavailable\r\nretry-after: 60\r\ncontent-length: 0\r\n\r\n"
            default: StubServer.secured(number)
            }
        }
        #expect(run.report["errors"] == 5 && run.code == 1)
        for kind in ["3 × 401 unauthorized", "1 × 418", "1 × 503"] {
            #expect(run.errors.contains("stampede: \(kind)\n"), "\(run.errors)")
        }
        let twice = try self.run(["--buyers", "20", "--connections", "4", "--retry-share", "1"]) { _ in
            "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n"
        }
        #expect(twice.report["attempts"] == 40 && twice.report["errors"] == 20)
        #expect(twice.errors.hasSuffix("stampede: 20 × 401\n"), "\(twice.errors)")
    }

    @Test func `presses again for a buyer who hears nothing for three seconds`() throws {
        let run = try run(["--buyers", "2", "--connections", "2"]) { number in
            if number == 1 { Thread.sleep(forTimeInterval: 60) }
            return StubServer.soldOut
        }
        #expect(run.report["sold_out"] == 2 && run.report["lost"] == 1 && run.report["attempts"] == 3)
        let silent = try #require(run.log.first { $0["resp_ns"] is NSNull })
        let again = try #require(run.log.last { $0["buyer"] as? String == silent["buyer"] as? String })
        let waited = try #require(again["inv_ns"] as? Int) - #require(silent["inv_ns"] as? Int)
        #expect(waited >= 3_000_000_000)
    }

    @Test(arguments: ["two answers in one piece", "not HTTP", "no length", "no status"])
    func `fails after a malformed answer`(_ what: String) throws {
        let run = try run(["--buyers", "20", "--connections", "4"]) { number in
            guard number == 5 else { return StubServer.soldOut }
            return switch what {
            case "not HTTP": "220 mail.example.com ESMTP\r\n"
            case "no status": "HTTP/1.1 000 OK\r\nContent-Length: 0\r\n\r\n"
            case "no length": "HTTP/1.1 200 OK\r\n\r\n"
            default: StubServer.soldOut + StubServer.soldOut
            }
        }
        #expect(run.report["sold_out"] == 20 && run.report["errors"] == 0 && run.report["lost"] == 0)
        #expect(run.report["malformed"] == 1)
        #expect(run.code == 1)
    }

    @Test func `logs when a press was due, also if its connection was busy then`() throws {
        let run = try run(["--buyers", "10", "--over", "100ms", "--connections", "1"]) { number in
            if number == 1 { Thread.sleep(forTimeInterval: 0.3) }
            return StubServer.soldOut
        }
        let due = run.nanoseconds("due_ns")
        #expect(zip(due, due.dropFirst()).allSatisfy { $1 - $0 == 10_000_000 })
        // All of them were due during the stall.
        let answered = run.nanoseconds("resp_ns")[0]
        #expect(run.nanoseconds("inv_ns").dropFirst().allSatisfy { $0 >= answered })
        #expect(due.allSatisfy { $0 < answered })
    }

    @Test func `lets whoever has waited longest press first, whether or not it has pressed before`() throws {
        // Of 60 presses that are due within half a second, 30 are answered in a second; the others wait, and then those
        // who were told to come back are due, too.
        let run = try run(["--buyers", "60", "--over", "500ms", "--connections", "1"]) { number in
            Thread.sleep(forTimeInterval: 0.03)
            return number <= 30 ? StubServer.comeBack : StubServer.soldOut
        }
        let due = run.nanoseconds("due_ns")
        #expect(due.count == 90 && due == due.sorted())
    }

    @Test func `lets others press for the first time between a buyer's two presses`() throws {
        let run = try run(["--buyers", "50", "--over", "1s", "--retry-share", "1"]) { _ in StubServer.soldOut }
        #expect(run.report["attempts"] == 100 && run.report["errors"] == 0)
        var first: [String: Int] = [:]
        var others: [Int] = []
        for attempt in run.log {
            let buyer = attempt["buyer"] as? String ?? ""
            if let before = first[buyer] { others.append(first.count - before) } else { first[buyer] = first.count + 1 }
        }
        #expect(others.count == 50)
        // If all pressed again at once, there would be nobody; a machine that stalls brings the two closer together.
        #expect(others.filter { $0 > 0 }.count >= 5)
    }
}
