import Glibc
import Shared

/// Everything `sale-worker` is told, checked once at the start.
struct WorkerConfiguration {
    var redis: RedisEndpoint
    var replicas: Int
    var database: String
    var name: String
    var opsListen: SocketAddress
    /// nil: nothing that needs it is answered.
    var operatorToken: [UInt8]?
    var ledgerListen: SocketAddress
    var logLevel: Log.Level
    /// Always nil in a release build.
    var failpoint: Failpoint?
    var plantedBug: PlantedBug?

    static let settings: [Setting] = [
        .redisURL, .redisPasswordFile, .redisReplicas, .database, .workerName, .opsListen, .opsTokenFile,
        .ledgerListen, .logLevel,
    ]

    init(_ environment: Environment) throws(ConfigurationError) {
        redis = try RedisEndpoint(environment)
        replicas = try environment.redisReplicas()
        database = try environment.required(.database)
        name = environment[.workerName] ?? Self.hostName()
        opsListen = try environment.address(.opsListen)
        operatorToken = try environment.operatorToken()
        ledgerListen = try environment.address(.ledgerListen)
        logLevel = try environment.logLevel()
        plantedBug = try environment.plantedBug()
        #if DEBUG
            if let text = environment[.failpoint] {
                guard let failpoint = Failpoint(text) else {
                    throw ConfigurationError(.failpoint, "is \"\(text)\"; it must be a step, step:N or entry:VALUE")
                }
                self.failpoint = failpoint
            }
        #endif
    }

    private static func hostName() -> String {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return "worker" }
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
