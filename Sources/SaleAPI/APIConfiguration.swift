import EventLoop
import HTTPEdge
import RedisClient
import Shared

/// The settings of `sale-api`, checked once at the start.
struct APIConfiguration {
    enum Durability: String { case strict, relaxed }

    var redis: RedisEndpoint
    var replicas: Int
    var durability: Durability
    var listen: SocketAddress
    var audience: String?
    var issuer: String?
    var rateLimit: RateLimit
    var deadlineMilliseconds: Int
    var drainMilliseconds: Int
    var maxConnections: Int
    var batchMax: Int
    var edgeCache: Bool
    var logLevel: Log.Level
    /// Always nil in a release build.
    var plantedBug: PlantedBug?

    static let settings: [Setting] = [
        .redisURL, .redisPasswordFile, .redisReplicas, .durability, .listen, .jwksFile, .jwtAudience, .jwtIssuer,
        .receiptKeyFile, .rateLimit, .deadline, .drain, .maxConnections, .batchMax, .edgeCache, .logLevel,
    ]

    init(_ environment: Environment) throws(ConfigurationError) {
        redis = try RedisEndpoint(environment)
        replicas = try environment.redisReplicas()
        let durabilityText = try environment.required(.durability)
        guard let durability = Durability(rawValue: durabilityText) else {
            throw ConfigurationError(.durability, "is \"\(durabilityText)\"; it must be strict or relaxed")
        }
        self.durability = durability
        listen = try environment.address(.listen)
        audience = environment[.jwtAudience]
        issuer = environment[.jwtIssuer]
        let rateText = try environment.required(.rateLimit)
        guard let rateLimit = RateLimit(rateText) else {
            throw ConfigurationError(
                .rateLimit, "is \"\(rateText)\"; it must be like 20/10s: 1 to 10000 requests in a second to an hour")
        }
        self.rateLimit = rateLimit
        deadlineMilliseconds = try environment.integer(.deadline, in: 100...60_000)
        drainMilliseconds = try environment.integer(.drain, in: 0...600_000)
        maxConnections = try environment.integer(.maxConnections, in: 1...1_000_000)
        batchMax = try environment.integer(.batchMax, in: 1...PurchaseBatcher.batchMaxLimit)
        edgeCache = try environment.isOn(.edgeCache)
        logLevel = try environment.logLevel()
        plantedBug = try environment.plantedBug()
    }

    /// Verifies buyers' tokens with these keys.
    func verifier(_ keys: KeySet) -> TokenVerifier { TokenVerifier(keys: keys, audience: audience, issuer: issuer) }

    /// Why this Redis must not be sold from; nil if it may be.
    func refusal(of server: ServerFacts) -> String? {
        if PlantedBug.noAOF.isActive { return nil }
        let problems = server.durabilityProblems(replicas: replicas)
        guard durability == .strict, !problems.isEmpty else { return nil }
        return "Redis would forget confirmed orders: \(problems.joined(separator: "; "))"
    }
}
