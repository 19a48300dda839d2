/// Which Redis to connect to, and as which user.
package struct RedisEndpoint: Equatable, Sendable {
    package enum Location: Equatable, Sendable, CustomStringConvertible {
        case server(SocketAddress)
        /// The server that these Sentinels name as the primary of this name.
        case primary(name: String, sentinels: [SocketAddress])

        package var description: String {
            switch self {
            case .server(let address): "\(address)"
            case .primary(let name, let sentinels):
                "\(name) of \(sentinels.map(\.description).joined(separator: ","))"
            }
        }
    }

    package var location: Location
    package var database: Int
    /// The ACL user; nil for the default user.
    package var user: String?
    package var password: String?

    package init(location: Location, database: Int = 0, user: String? = nil, password: String? = nil) {
        self.location = location
        self.database = database
        self.user = user
        self.password = password
    }

    /// Reads SALE_REDIS_URL and SALE_REDIS_PASSWORD_FILE.
    package init(_ environment: Environment) throws(ConfigurationError) {
        try self.init(url: try environment.required(.redisURL))
        guard let path = environment[.redisPasswordFile] else {
            // Redis logs nobody in without a password: AUTH takes one even for a user whom any would do (`nopass`).
            if let user {
                throw ConfigurationError(
                    .redisURL,
                    "names the user \(user); put its password into a file and name that in SALE_REDIS_PASSWORD_FILE")
            }
            return
        }
        let bytes = try environment.file(path, of: .redisPasswordFile, limit: 4096)
        password = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline).first.map(String.init)
        guard password != nil else { throw ConfigurationError(.redisPasswordFile, "names \(path), which is empty") }
    }

    package init(url: String) throws(ConfigurationError) {
        let problem = ConfigurationError(
            .redisURL,
            "is \"\(url)\"; it must be like redis://127.0.0.1:6379/0, unix:///run/redis.sock or "
                + "redis+sentinel://10.0.0.1,10.0.0.2,10.0.0.3/mymaster")
        // Checked first, so that no other message about the URL can repeat a password. The path of a socket may have an
        // @ and a colon.
        var rest = url.firstRange(of: "://").map { url[$0.upperBound...] } ?? url[...]
        let login = rest.hasPrefix("/") ? nil : rest.lastIndex(of: "@").map { rest[..<$0] }
        if login?.contains(":") == true || rest.contains("password=") {
            throw ConfigurationError(
                .redisURL, "holds a password; put it into a file and name that in SALE_REDIS_PASSWORD_FILE")
        }
        if url.hasPrefix("unix://") {
            let parts = url.dropFirst(7).split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
            guard let address = SocketAddress("unix:\(parts[0])") else { throw problem }
            var database = 0
            if parts.count == 2 {
                guard parts[1].hasPrefix("db="), let number = Int(parts[1].dropFirst(3)), (0..<1024).contains(number)
                else { throw problem }
                database = number
            }
            self.init(location: .server(address), database: database)
            return
        }
        let watched = url.hasPrefix("redis+sentinel://")
        guard watched || url.hasPrefix("redis://") else { throw problem }
        var user: String?
        if let at = rest.lastIndex(of: "@") {
            let name = rest[..<at]
            guard !name.isEmpty else { throw problem }
            user = String(name)
            rest = rest[rest.index(after: at)...]
        }
        var path = rest.split(separator: "/", omittingEmptySubsequences: false)
        let hosts = path.removeFirst()
        var location: Location?
        if watched {
            let name = path.isEmpty ? "" : String(path.removeFirst())
            let sentinels = hosts.split(separator: ",", omittingEmptySubsequences: false).map {
                Self.address($0, defaultPort: 26379)
            }
            if !name.isEmpty, !sentinels.contains(nil) {
                location = .primary(name: name, sentinels: sentinels.compactMap(\.self))
            }
        } else {
            location = Self.address(hosts, defaultPort: 6379).map { .server($0) }
        }
        let text = path.isEmpty ? "" : path.removeFirst()
        guard let location, path.isEmpty, text.isEmpty || Int(text).map((0..<1024).contains) == true else {
            throw problem
        }
        self.init(location: location, database: Int(text) ?? 0, user: user)
    }

    /// One particular server, whatever its role, with the same login.
    package func at(_ address: SocketAddress) -> RedisEndpoint {
        RedisEndpoint(location: .server(address), database: database, user: user, password: password)
    }

    private static func address(_ host: Substring, defaultPort: Int) -> SocketAddress? {
        let hasPort = host.hasPrefix("[") ? host.contains("]:") : host.contains(":")
        return SocketAddress(hasPort ? String(host) : "\(host):\(defaultPort)")
    }
}
