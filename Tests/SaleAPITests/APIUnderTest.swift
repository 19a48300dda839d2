import Foundation
import RedisClient
import Shared
import TestSupport

/// The real `sale-api` on a Unix socket, beside a real Redis.
final class APIUnderTest {
    let redis: RedisServer
    /// Between the API and Redis, if the test asked for it.
    let proxy: LossyProxy?
    private(set) var process: ChildProcess
    private let environment: [String: String]
    /// More processes on the same Redis (`startAnother`).
    private var others: [ChildProcess] = []
    private let descriptors: Int?
    private var mint: TokenMint
    static let secret = Crypto.randomBytes(32)

    /// Starts both. `settings` override the API's environment; "" unsets one. When this returns, the API is ready or,
    /// with `ready: false`, answers but can't sell. With `throughProxy`, replies of Redis can be lost. `descriptors`
    /// limits the API's descriptors.
    init(
        redisSettings: [String] = [], _ settings: [String: String] = [:], ready: Bool = true,
        throughProxy: Bool = false, descriptors: Int? = nil
    ) throws {
        self.descriptors = descriptors
        redis = try RedisServer(redisSettings)
        proxy = throughProxy ? try LossyProxy(redis.directory.path("proxy.sock"), to: redis.socket) : nil
        let keys = KeySet.json([("k1", Self.secret)])
        try keys.write(toFile: redis.directory.path("jwks.json"), atomically: true, encoding: .utf8)
        try Ed25519PrivateKey().pem.write(
            toFile: redis.directory.path("receipt.pem"), atomically: true, encoding: .utf8)
        mint = TokenMint(keys: try keys.withBytes { try KeySet(json: $0) })
        environment = [
            "SALE_REDIS_URL": throughProxy ? "unix://\(redis.directory.path("proxy.sock"))" : redis.url,
            "SALE_JWT_JWKS_FILE": redis.directory.path("jwks.json"),
            "SALE_RECEIPT_KEY_FILE": redis.directory.path("receipt.pem"),
            // Tests ask more often than a buyer may; tests of the limit set it.
            "SALE_RATE_LIMIT": "10000/1s", "SALE_LISTEN": "unix:\(redis.directory.path("api.sock"))",
        ].merging(settings) { $1 }
        process = try Self.start(redis, environment, descriptors)
        try awaitStart(ready: ready)
    }

    /// Starts one more API process on the same Redis with the same keys. Returns its socket.
    func startAnother() throws -> String {
        let socket = redis.directory.path("api-\(others.count + 2).sock")
        let child = try ChildProcess(
            ChildProcess.product("sale-api"),
            environment: environment.merging(["SALE_LISTEN": "unix:\(socket)"]) { $1 },
            errorLog: redis.directory.url.appendingPathComponent("api-\(others.count + 2).log"))
        others.append(child)
        guard eventually({ child.errors.contains("\"redis_ready\"") }) else {
            throw UnixHTTPClient.Failure("sale-api did not start: \(child.errors)")
        }
        return socket
    }

    /// The keys of its buyers' tokens.
    func keys() throws -> KeySet { try KeySet.json([("k1", Self.secret)]).withBytes { try KeySet(json: $0) } }

    var socket: String { redis.directory.path("api.sock") }
    var keyFile: String { redis.directory.path("jwks.json") }
    var receiptKeyFile: String { redis.directory.path("receipt.pem") }

    /// Kills the API and starts it again: it has forgotten every sale that it had seen.
    func restart() throws {
        process.stop(SIGKILL)
        process = try Self.start(redis, environment, descriptors)
        try awaitStart(ready: true)
    }

    private static func start(
        _ redis: RedisServer, _ environment: [String: String], _ descriptors: Int?
    ) throws -> ChildProcess {
        let program = ChildProcess.product("sale-api")
        let errorLog = redis.directory.url.appendingPathComponent("api.log")
        guard let descriptors else { return try ChildProcess(program, environment: environment, errorLog: errorLog) }
        return try ChildProcess(
            URL(fileURLWithPath: "/usr/bin/prlimit"), ["--nofile=\(descriptors)", program.path],
            environment: environment, errorLog: errorLog)
    }

    private func awaitStart(ready: Bool) throws {
        let wanted = ready ? "\"redis_ready\"" : "\"redis_down\""
        let started = eventually { process.errors.contains(wanted) || !process.isRunning }
        guard started, process.isRunning else {
            throw UnixHTTPClient.Failure("sale-api did not start: \(process.errors)")
        }
    }

    /// Waits until /readyz is 200.
    func awaitReady() throws -> Bool { try eventually { try ask("GET", "/readyz").status == 200 } }

    // MARK: Asking

    func connect() throws -> UnixHTTPClient { try UnixHTTPClient(socket) }

    /// Sends one request on a new connection.
    func ask(
        _ method: String, _ target: String, _ headers: [(String, String)] = [], body: String? = nil
    ) throws -> HTTPAnswer {
        do {
            return try connect().ask(method, target, headers: headers, body: body)
        } catch {
            let state = process.isRunning ? "runs" : "has ended with \(process.wait())"
            throw UnixHTTPClient.Failure("\(error); sale-api \(state), and has logged \(process.errors.suffix(1000))")
        }
    }

    /// A token that is good for an hour.
    func token(_ buyer: String) -> String {
        let now = UnixMilliseconds.now.value / 1000
        return mint.token(subject: buyer, issuedAt: now, expiresAt: now + 3600)
    }

    func bearer(_ buyer: String) -> (String, String) { ("Authorization", "Bearer \(token(buyer))") }

    /// The headers of a purchase, including Content-Type if it has a body.
    func headers(_ buyer: String, _ key: String, quantity: Int?) -> [(String, String)] {
        [bearer(buyer), ("Idempotency-Key", key)] + (quantity == nil ? [] : [("Content-Type", "application/json")])
    }

    func body(_ quantity: Int?) -> String? { quantity.map { "{\"quantity\":\($0)}" } }

    /// A purchase; `quantity` nil sends no body.
    func buy(_ sale: String, _ buyer: String, _ key: String, quantity: Int? = nil) throws -> HTTPAnswer {
        try ask(
            "POST", "/v1/sales/\(sale)/purchases", headers(buyer, key, quantity: quantity), body: body(quantity))
    }

    /// Joins a sale's waiting room.
    func join(_ sale: String, _ buyer: String) throws -> HTTPAnswer {
        try ask("POST", "/v1/sales/\(sale)/queue", [bearer(buyer)])
    }

    /// A purchase with a ticket.
    func buy(_ sale: String, _ buyer: String, _ key: String, ticket: String) throws -> HTTPAnswer {
        try ask(
            "POST", "/v1/sales/\(sale)/purchases", headers(buyer, key, quantity: nil) + [("Sale-Ticket", ticket)])
    }

    /// Sends a purchase on a new connection; the answer is read later.
    func startBuying(_ sale: String, _ buyer: String, _ key: String) throws -> UnixHTTPClient {
        let client = try connect()
        try client.send("POST", "/v1/sales/\(sale)/purchases", headers: headers(buyer, key, quantity: nil))
        return client
    }

    /// Stops Redis, and sends through the API, which has not noticed that yet, what `send` sends.
    ///
    /// Redis counts as lost after a second without an answer. So the API is stopped meanwhile, too, and only its own
    /// work is within that second, however long the test takes.
    func pausingRedis<Result>(_ send: () throws -> Result) rethrows -> Result { try pausing(redis, send) }

    /// Stops `server`, and sends through the API, which is stopped meanwhile.
    func pausing<Result>(_ server: RedisServer, _ send: () throws -> Result) rethrows -> Result {
        process.signal(SIGSTOP)
        server.pause()
        defer { process.signal(SIGCONT) }
        return try send()
    }

    /// The value of a metric's sample, such as `sale_redis_ready`. Read through `client` if a new connection would be
    /// refused.
    func metric(_ sample: String, _ client: UnixHTTPClient? = nil) throws -> Int? {
        try (client ?? connect()).ask("GET", "/metrics").sample(sample).flatMap { Int(exactly: $0) }
    }
}
