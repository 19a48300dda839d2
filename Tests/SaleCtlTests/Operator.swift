import Foundation
import RedisClient
import TestSupport

/// salectl on a real Redis.
final class Operator {
    let server: RedisServer
    let redis: BlockingRedis
    private let environment: [String: String]

    init(_ settings: [String] = [], replicas: Int = 0) throws {
        server = try RedisServer(settings)
        redis = try server.connect()
        environment = [
            "SALE_REDIS_REPLICAS": "\(replicas)",
            "SALE_REDIS_URL": server.url, "SALE_DATABASE": server.directory.path("sale.db"),
            "SALE_JWT_JWKS_FILE": server.directory.path("keys/jwks.json"),
            "SALE_RECEIPT_KEY_FILE": server.directory.path("keys/receipt.pem"),
        ]
    }

    func run(
        _ line: [String], _ variables: [String: String] = [:]
    ) throws -> (code: Int32, output: String, errors: String) {
        try ChildProcess.run(
            ChildProcess.product("salectl"), line, environment: environment.merging(variables) { $1 })
    }

    func json(_ line: [String], _ variables: [String: String] = [:]) throws -> [String: Any] {
        let result = try run(line + ["--json"], variables)
        return try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any] ?? [:]
    }

    /// The subjects with this verdict, in the doctor's order.
    func findings(_ verdict: String, _ variables: [String: String] = [:]) throws -> [String] {
        let findings = try json(["doctor"], variables)["findings"] as? [[String: String]] ?? []
        return findings.filter { $0["verdict"] == verdict }.compactMap { $0["subject"] }
    }
}
