import Shared

/// The first commands on every connection.
enum Handshake {
    /// AUTH, SELECT and CLIENT SETNAME, as far as the endpoint needs them.
    static func commands(_ endpoint: RedisEndpoint, name: String) -> [[RedisArgument]] {
        var commands: [[RedisArgument]] = []
        if let password = endpoint.password {
            commands.append(endpoint.user.map { ["AUTH", "\($0)", "\(password)"] } ?? ["AUTH", "\(password)"])
        }
        if endpoint.database != 0 { commands.append(["SELECT", "\(endpoint.database)"]) }
        commands.append(["CLIENT", "SETNAME", "\(name)"])
        return commands
    }

    /// What `ServerFacts` reads (several sections: since Redis 7.0).
    static let info: [RedisArgument] = ["INFO", "server", "replication", "persistence", "memory"]

    /// Asks whether the next start will execute what scripts have written to the append-only file: a command for each
    /// of `ServerFacts.replayChecks`.
    static let replays: [[RedisArgument]] = ServerFacts.replayed.map { command, arguments in
        ["ACL", "DRYRUN", "default", "\(command)", "sale:{}"] + arguments.map { "\($0)" }
    }

    /// All settings that matter, in one call (several patterns: since Redis 7.0).
    static let configuration: [RedisArgument] =
        ["CONFIG", "GET"] + ServerFacts.settingsRead.map { "\($0)" }
}

extension Handshake {
    typealias Failed = (_ reason: String) -> Void

    /// Sends the first commands on a link, and asks the server what it is. `done` is called with its facts; `failed` is
    /// called with the reason if there are none, and closes the link. If the connection is lost neither is called: the
    /// link itself reports that.
    static func perform(
        on link: RedisLink, _ endpoint: RedisEndpoint, name: String, failed: @escaping Failed,
        _ done: @escaping (ServerFacts) -> Void
    ) {
        for arguments in commands(endpoint, name: name) {
            ask(link, arguments, "AUTH, SELECT or CLIENT SETNAME", failed) { _ in }
        }
        inspect(link, failed: failed, done)
    }

    /// Asks a server what it is, as `perform` does.
    static func inspect(_ link: RedisLink, failed: @escaping Failed, _ done: @escaping (ServerFacts) -> Void) {
        var text = ""
        var answers: [String: String] = [:]
        ask(link, info, "INFO", failed) { text = $0.string ?? "" }
        for (check, arguments) in zip(ServerFacts.replayChecks, replays) {
            ask(link, arguments, "ACL DRYRUN", mayBeRefused: true, failed) { answers[check] = $0.string }
        }
        ask(link, configuration, "CONFIG GET", failed) { value in
            guard let facts = ServerFacts(info: text, config: value.fields, replays: answers) else {
                return failed("the server does not say what it is")
            }
            done(facts)
        }
    }

    private static func ask(
        _ link: RedisLink, _ arguments: [RedisArgument], _ operation: StaticString, mayBeRefused: Bool = false,
        _ failed: @escaping Failed, _ body: @escaping (borrowing RedisValue) -> Void
    ) {
        var command = ByteBuffer(capacity: 512)
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
}
