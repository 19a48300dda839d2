import Foundation
import Operations
import OrderStore
import RedisClient
import Shared
import TestSupport
import Testing

@testable import SaleCtl

/// What salectl says to an operator who has not asked for the right thing, or has the wrong settings.
@Suite struct `salectl, to an operator who needs advice,` {
    private func run(
        _ line: [String], _ environment: [String: String] = [:]
    ) throws -> (code: Int32, output: String, errors: String) {
        try ChildProcess.run(ChildProcess.product("salectl"), line, environment: environment)
    }

    @Test(arguments: [
        ("dlq", "ls, show, redrive, discard", "dlq ls"), ("keys", "init, rotate-receipt", "keys init"),
        ("ledger", "export, verify", "ledger export"),
    ])
    func `lists a family's commands`(_ family: String, _ names: String, _ first: String) throws {
        for line in [[family], [family, "frobnicate"]] {
            let result = try run(line)
            #expect(result.code == ExitCode.usage)
            #expect(result.errors == "salectl: \(family) needs one of \(names); see salectl \(first) --help\n")
        }
        let help = try run([family, "--help"])
        #expect(help.code == ExitCode.ok)
        let listed = help.output.split(separator: "\n").map { $0.split(separator: " ").prefix(2).last ?? "" }
        #expect(listed.joined(separator: ", ") == names)
    }

    @Test func `names the settings of a login that Redis refuses`() throws {
        let server = try RedisServer()
        try server.connect().command(["CONFIG", "SET", "requirepass", "secret"])
        let password = server.directory.path("password")
        let hint = " (SALE_REDIS_URL names the user, SALE_REDIS_PASSWORD_FILE the file with its password)\n"
        let missing = try run(["ls"], ["SALE_REDIS_URL": server.url])
        #expect(missing.code == ExitCode.unavailable)
        #expect(missing.errors.hasSuffix("Authentication required.\(hint)"), "\(missing.errors)")
        try "wrong".write(toFile: password, atomically: true, encoding: .utf8)
        let wrong = try run(["ls"], ["SALE_REDIS_URL": server.url, "SALE_REDIS_PASSWORD_FILE": password])
        #expect(wrong.errors.contains("WRONGPASS") && wrong.errors.hasSuffix(hint), "\(wrong.errors)")
        let doctor = try run(["doctor"], ["SALE_REDIS_URL": server.url, "SALE_REDIS_PASSWORD_FILE": password])
        #expect(doctor.output.contains(hint), "\(doctor.output)")
    }

    @Test func `names the setting of a token that the worker refuses`() {
        let refused = CommandFailure(refusal: .init(status: 401, body: #"{"detail":"no"}"#))
        #expect(refused.code == ExitCode.noPermission)
        #expect(refused.message == "the worker answered 401: no (SALE_OPS_TOKEN_FILE names the token)")
        let busy = CommandFailure(refusal: .init(status: 503, body: #"{"reason":"busy"}"#))
        #expect(busy.message == "the worker answered 503: busy")
    }

    @Test func `says where to read how to fail over without Sentinels`() throws {
        let result = try run(["failover"], ["SALE_REDIS_URL": "redis://127.0.0.1"])
        #expect(result.code == ExitCode.config)
        #expect(result.errors.contains("names no Sentinels: promote by hand (docs/runbook.md#failing-over-by-hand)"))
        let runbook = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../docs/runbook.md")
        #expect(try String(contentsOf: runbook, encoding: .utf8).contains("\n## Failing over by hand\n"))
    }

    @Test func `says that a new key for receipts needs restarts`() throws {
        let directory = try TemporaryDirectory()
        _ = try run(["keys", "init", directory.path("keys")])
        let result = try run(["keys", "rotate-receipt", directory.path("keys")])
        #expect(result.output.contains("  restart every sale-api (SIGHUP is enough only if it doesn't run as the"))
    }
}
