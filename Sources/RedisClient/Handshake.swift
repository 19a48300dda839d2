import Shared

/// What is said first on every connection.
enum Handshake {
    /// AUTH, SELECT and CLIENT SETNAME, as far as the endpoint needs them.
    static func commands(_ endpoint: RedisEndpoint, name: String) -> [[RedisArgument]] {
        var commands: [[RedisArgument]] = []
        if let password = endpoint.password {
            commands.append(["AUTH"] + (endpoint.user.map { [RedisArgument($0)] } ?? []) + [RedisArgument(password)])
        }
        if endpoint.database != 0 { commands.append(["SELECT", RedisArgument(endpoint.database)]) }
        commands.append(["CLIENT", "SETNAME", RedisArgument(name)])
        return commands
    }

    static let info: [RedisArgument] = ["INFO"]

    /// Whether what scripts have written is taken from the append-only file at the next start: a command for each of
    /// `ServerFacts.replayChecks`.
    static let replays: [[RedisArgument]] = ServerFacts.replayed.map { command, arguments in
        ["ACL", "DRYRUN", "default", RedisArgument(command), "sale:{}"] + arguments.map { RedisArgument($0) }
    }

    /// All settings that matter in one call (several patterns: since Redis 7.0).
    static let configuration: [RedisArgument] =
        ["CONFIG", "GET", RedisArgument(ServerFacts.replicasSetting), RedisArgument(ServerFacts.rewriteSetting)]
        + ServerFacts.strictSettings.map { RedisArgument($0.name) }
}
