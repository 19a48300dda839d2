import Foundation
import RedisClient
import Shared
import TestSupport
import Testing

@Suite struct `The doctor, on services` {
    private let server: RedisServer
    private let environment: [String: String]

    init() throws {
        server = try RedisServer()
        environment = [
            "SALE_REDIS_URL": server.url, "SALE_DATABASE": server.directory.path("sale.db"), "SALE_REDIS_REPLICAS": "0",
        ]
    }

    private func finding(_ subject: String, _ variables: [String: String] = [:]) throws -> [String: String] {
        let result = try ChildProcess.run(
            ChildProcess.product("salectl"), ["doctor", "--json"],
            environment: environment.merging(variables) { $1 })
        let report = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any] ?? [:]
        let findings = report["findings"] as? [[String: String]] ?? []
        return try #require(findings.first { $0["subject"] == subject }, "\(result)")
    }

    @Test func `says that the worker was not checked, was not reached, stores orders, or has trouble`() throws {
        let unchecked = try finding("worker")
        #expect(unchecked["verdict"] == "ok")
        #expect(unchecked["detail"]?.hasPrefix("not checked: ") == true)

        let path = server.directory.path("ops.sock")
        let listening = ["SALE_OPS_LISTEN": "unix:\(path)"]
        let away = try finding("worker", listening)
        #expect(away["verdict"] == "bad")
        #expect(away["detail"]?.contains("not reached: ") == true, "\(away)")
        #expect(away["detail"]?.hasSuffix("(systemctl start sale-worker)") == true, "\(away)")

        let settings = environment.merging(listening) { $1 }.merging(
            ["SALE_LEDGER_LISTEN": "unix:\(server.directory.path("ledger.sock"))"]) { $1 }
        let worker = try ChildProcess(
            ChildProcess.product("sale-worker"), environment: settings,
            errorLog: server.directory.url.appendingPathComponent("worker.log"))
        #expect(try eventually { try finding("worker", listening)["verdict"] == "ok" }, "\(worker.errors)")
        server.crash()
        #expect(try eventually { try finding("worker", listening)["verdict"] == "bad" }, "\(worker.errors)")
        let troubled = try finding("worker", listening)
        #expect(troubled["detail"]?.contains("answered 503: ") == true, "\(troubled)")
        #expect(troubled["detail"]?.contains(server.socket) == true, "\(troubled)")
    }

    @Test func `compares Redis' memory with its limit`() throws {
        let redis = try server.connect()
        #expect(try finding("redis memory")["detail"]?.hasSuffix("maxmemory is not set") == true)
        try redis.command(["SETRANGE", "ballast", "\(20 << 20)", "x"])
        let used = try server.connect().facts.countedBytes
        for (limit, verdict) in [(used * 2, "ok"), (used * 10 / 9, "warn"), (used / 2, "bad")] {
            try redis.command(["CONFIG", "SET", "maxmemory", "\(limit)"])
            let found = try finding("redis memory")
            #expect(found["verdict"] == verdict, "\(found)")
            #expect((found["detail"]?.contains("nothing can be sold") == true) == (verdict != "ok"))
        }
    }
}
