import Foundation
import OrderStore
import RedisClient
import Shared
import TestSupport

/// The whole system on Unix sockets in one directory: a real Redis, a pair or a fleet of them, API processes, a worker,
/// and the load client.
final class SaleSystem {
    /// The only Redis; nil with a fleet or a pair.
    private(set) var redis: RedisServer!
    let fleet: RedisFleet?
    let pair: RedisPair?
    let directory: TemporaryDirectory
    private(set) var apis: [ChildProcess] = []
    private(set) var worker: ChildProcess?
    private let bug: PlantedBug?
    private var environment: [String: String]
    private var logins: [String: [String: String]] = [:]
    private var started = 0

    /// `bug` is planted in the API processes and the worker.
    init(
        apis count: Int, fleet: RedisFleet? = nil, pair: RedisPair? = nil, redis given: RedisServer? = nil,
        bug: PlantedBug? = nil
    ) throws {
        self.fleet = fleet
        self.pair = pair
        self.bug = bug
        let redis = try given ?? (fleet == nil && pair == nil ? RedisServer() : nil)
        self.redis = redis
        directory = try redis?.directory ?? TemporaryDirectory()
        try KeySet.json([("test", Crypto.randomBytes(32))])
            .write(toFile: directory.path("jwks.json"), atomically: true, encoding: .utf8)
        environment = [
            "SALE_REDIS_URL": fleet?.url ?? pair?.url ?? redis?.url ?? "",
            "SALE_REDIS_REPLICAS": redis == nil ? "1" : "0",
            "SALE_JWT_JWKS_FILE": directory.path("jwks.json"),
            "SALE_DATABASE": directory.path("sale.db"), "SALE_WORKER_NAME": "worker",
            "SALE_OPS_LISTEN": "unix:\(directory.path("ops.sock"))",
            "SALE_LEDGER_LISTEN": "unix:\(directory.path("ledger.sock"))",
        ]
        for index in 0..<count { try startAPI(index) }
    }

    /// Lets a program log in to Redis as its own user: `api`, `worker`, or `operator` for salectl.
    func logIn(_ user: String, password: String) throws {
        let path = directory.path("\(user).password")
        try password.write(toFile: path, atomically: true, encoding: .utf8)
        logins[user] = [
            "SALE_REDIS_URL": fleet?.url(of: user) ?? "redis://\(user)@127.0.0.1:\(redis.port)/0",
            "SALE_REDIS_PASSWORD_FILE": path,
        ]
    }

    /// Lets each program log in as the delivered users.
    func logInAll() throws {
        for user in ["api", "worker", "operator"] { try logIn(user, password: "CHANGE-ME-\(user)") }
    }

    /// The settings of a program.
    private func settings(_ user: String) -> [String: String] {
        environment.merging(logins[user] ?? [:]) { $1 }
    }

    /// The settings of an API process or the worker, which may have a bug.
    func settings(ofServer user: String) -> [String: String] {
        settings(user).merging(bug.map { ["SALE_PLANTED_BUG": $0.rawValue] } ?? [:]) { $1 }
    }

    /// A connection to the primary.
    func connect() throws -> BlockingRedis { try fleet?.connect() ?? pair?.connect() ?? redis.connect() }

    /// Starts or restarts API process `index`, and waits until it has logged `event`. `variables` add to its settings.
    func startAPI(
        _ index: Int, says event: String = "redis_ready", variables: [String: String] = [:]
    ) throws {
        started += 1
        let socket = apiSocket(index)
        let api = try ChildProcess(
            ChildProcess.product("sale-api"),
            environment: settings(ofServer: "api").merging(["SALE_LISTEN": "unix:\(socket)"]) { $1 }
                .merging(variables) { $1 },
            errorLog: directory.url.appendingPathComponent("api-\(started).log"))
        if index < apis.count { apis[index] = api } else { apis.append(api) }
        let ready = eventually { api.errors.contains(event) || !api.isRunning }
        guard ready, api.isRunning else { throw Failure("sale-api did not start: \(api.errors)") }
    }

    /// Starts the worker. `variables` add to its settings.
    func startWorker(_ variables: [String: String] = [:]) throws {
        started += 1
        let child = try ChildProcess(
            ChildProcess.product("sale-worker"), environment: settings(ofServer: "worker").merging(variables) { $1 },
            errorLog: directory.url.appendingPathComponent("worker-\(started).log"))
        worker = child
        let ready = eventually { child.errors.contains("\"start\"") || !child.isRunning }
        guard ready, child.isRunning else { throw Failure("sale-worker did not start: \(child.errors)") }
    }

    /// Orders that the running API processes have confirmed to buyers.
    var wins: Int { apis.reduce(0) { $0 + $1.errors.components(separatedBy: "\"win\"").count - 1 } }

    func killAPI(_ index: Int) {
        apis[index].stop(SIGKILL)
    }

    /// Stops the worker as an operator would.
    func stopWorker() {
        worker?.stop()
    }

    /// The value of a metric of an API process; 0 if it can't be read.
    func metric(_ name: String, ofAPI index: Int = 0) -> Int {
        let value = try? ask("GET", "/metrics", ofAPI: index).sample(name)
        return value.flatMap { Int(exactly: $0) } ?? 0
    }

    /// Sends a request to an API process.
    func ask(_ method: String, _ path: String, ofAPI index: Int = 0) throws -> HTTPAnswer {
        try UnixHTTPClient(apiSocket(index)).ask(method, path)
    }

    private func apiSocket(_ index: Int) -> String { directory.path("api-\(index).sock") }

    struct Failure: Error, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }
    }

    // MARK: Load

    /// What the load client reported, and where it logged every attempt.
    struct Run {
        var report: [String: Double]
        var log: String
    }

    /// Runs the load client to its end, through an ingress if one is given, and `meanwhile` in parallel.
    func stampede(
        _ sale: SaleID, _ options: [String], through ingress: String? = nil, meanwhile: () throws -> Void = {}
    ) throws -> Run {
        let log = directory.path("attempts-\(UUID().uuidString.prefix(8)).jsonl")
        let output = directory.url.appendingPathComponent("report-\(UUID().uuidString.prefix(8)).json")
        _ = FileManager.default.createFile(atPath: output.path, contents: nil)
        let client = try ChildProcess(
            ChildProcess.product("stampede"),
            (ingress.map { [$0] } ?? apis.indices.map { "unix:\(apiSocket($0))" }).flatMap { ["--target", $0] }
                + ["--sale", "\(sale)", "--log", log, "--json"] + options,
            environment: environment, errorLog: directory.url.appendingPathComponent("stampede.log"),
            output: FileHandle(forWritingTo: output))
        try meanwhile()
        client.wait()
        guard let report = try? JSONDecoder().decode([String: Double].self, from: Data(contentsOf: output)) else {
            throw Failure("no report: \(client.errors)")
        }
        // No fault excuses that.
        guard report["malformed"] == 0 else { throw Failure("there were malformed answers: \(report)") }
        return Run(report: report, log: log)
    }

    /// Presses for one unit by hand, and adds the attempt to the log of a run that has ended, as another run.
    func press(_ sale: SaleID, _ buyer: String, key: String, _ run: Run) throws {
        let token = try salectl(["token", "--subject", buyer]).output.trimmingCharacters(in: .newlines)
        let invoked = DispatchTime.now().uptimeNanoseconds
        let answer = try UnixHTTPClient(apiSocket(0)).ask(
            "POST", "/v1/sales/\(sale)/purchases",
            headers: [("Authorization", "Bearer \(token)"), ("Idempotency-Key", key)], body: "")
        let line = try JSONSerialization.data(withJSONObject: [
            "inv_ns": invoked, "resp_ns": DispatchTime.now().uptimeNanoseconds, "buyer": buyer, "key": key,
            "status": answer.status, "problem": answer.problem ?? NSNull(),
            "position": answer.json["position"] ?? NSNull(),
        ])
        let log = try FileHandle(forUpdating: URL(fileURLWithPath: run.log))
        try log.seekToEnd()
        try log.write(contentsOf: line + Data("\n{\"kind\":\"end\",\"sale\":\"\(sale)\",\"attempts\":1}\n".utf8))
    }

    /// Waits until more than `count` units are sold: the stampede has begun, and a larger stock is not gone yet.
    func awaitSold(_ sale: SaleID, moreThan count: Int = 0) throws {
        let isSold = eventually { (try? connect().status(sale)?.position ?? 0) ?? 0 > count }
        if !isSold { throw Failure("nothing is being sold") }
    }

    /// The output of `salectl check`; nil if the run kept every promise. `stock` is what the test has put on sale;
    /// `met` names the faults without which the run proves nothing.
    func complaint(_ sale: SaleID, _ run: Run, stock: Int, met: String = "") throws -> String? {
        let met = met.isEmpty ? [] : ["--met", met]
        let result = try salectl(["check", "\(sale)", "--log", run.log, "--stock", "\(stock)"] + met)
        return result.code == 0 ? nil : result.output + result.errors
    }

    // MARK: What is stored

    /// The SQLite file.
    var database: String { directory.path("sale.db") }

    /// Rows of a query, read from SQLite.
    func query(_ sql: String) throws -> [String] { try SQLiteShell.run(database, sql, readOnly: true) }

    /// Runs salectl against this system.
    func salectl(_ arguments: [String]) throws -> (code: Int32, output: String, errors: String) {
        try ChildProcess.run(ChildProcess.product("salectl"), arguments, environment: settings("operator"))
    }

    /// Waits until the worker has stored every order that Redis knows of.
    func drained(_ sale: SaleID) -> Bool {
        eventually(seconds: 60) {
            guard let connection = try? connect(), let status = try? connection.status(sale) else { return false }
            return status.persistedPosition == status.position && status.servingRunID == connection.facts.runID
        }
    }
}
