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

extension Handshake {
    /// Says it on a link, and asks the server what it is: `done` is told that; `failed` is told why not, and closes the link.
    /// Where the connection is lost neither is told anything: the link itself tells that.
    static func perform(
        on link: RedisLink, _ endpoint: RedisEndpoint, name: String, failed: @escaping (String) -> Void,
        _ done: @escaping (ServerFacts) -> Void
    ) {
        var command = ByteBuffer(capacity: 512)
        func ask(
            _ arguments: [RedisArgument], _ operation: StaticString, mayBeRefused: Bool = false,
            _ body: @escaping (borrowing RedisValue) -> Void
        ) {
            command.removeAll()
            command.appendCommand(arguments)
            link.send(&command, operation) { answer in
                switch answer {
                case .reply(let value): body(value)
                case .failure(let error):
                    if error.code == .connectionLost || (mayBeRefused && error.code == .notPermitted) { return }
                    failed(error.description)
                }
            }
        }
        for arguments in commands(endpoint, name: name) { ask(arguments, "AUTH, SELECT or CLIENT SETNAME") { _ in } }
        var text = ""
        var answers: [String: String] = [:]
        ask(info, "INFO") { text = $0.string ?? "" }
        for (check, arguments) in zip(ServerFacts.replayChecks, replays) {
            ask(arguments, "ACL DRYRUN", mayBeRefused: true) { answers[check] = $0.string }
        }
        ask(configuration, "CONFIG GET") { value in
            guard let facts = ServerFacts(info: text, config: value.strings, replays: answers) else {
                return failed("the server does not say what it is")
            }
            done(facts)
        }
    }
}
