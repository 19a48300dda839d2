/// Which Redis to talk to, and as whom.
package struct RedisEndpoint: Equatable, Sendable {
    package var address: SocketAddress
    package var database: Int
    /// The ACL user; nil for the default user.
    package var user: String?
    package var password: String?

    package init(address: SocketAddress, database: Int = 0, user: String? = nil, password: String? = nil) {
        self.address = address
        self.database = database
        self.user = user
        self.password = password
    }

    /// Reads SALE_REDIS_URL and SALE_REDIS_PASSWORD_FILE.
    package init(_ environment: Environment) throws(ConfigurationError) {
        try self.init(url: try environment.required(.redisURL))
        guard let path = environment[.redisPasswordFile] else { return }
        do throws(FileError) {
            let bytes = try File.read(path, limit: 4096)
            password = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline).first.map(String.init)
        } catch {
            throw ConfigurationError(.redisPasswordFile, "names \(path), which can't be read: \(error)")
        }
        guard password != nil else { throw ConfigurationError(.redisPasswordFile, "names \(path), which is empty") }
    }

    package init(url: String) throws(ConfigurationError) {
        let problem = ConfigurationError(
            .redisURL, "is \"\(url)\"; it must be like redis://127.0.0.1:6379/0 or unix:///run/redis.sock")
        if url.hasPrefix("unix://") {
            let parts = url.dropFirst(7).split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
            guard let address = SocketAddress("unix:\(parts[0])") else { throw problem }
            var database = 0
            if parts.count == 2 {
                guard parts[1].hasPrefix("db="), let number = Int(parts[1].dropFirst(3)), (0..<1024).contains(number)
                else { throw problem }
                database = number
            }
            self.init(address: address, database: database)
            return
        }
        // Looked for before anything else is: no other sentence about the URL may then repeat a password.
        var rest = url.firstRange(of: "://").map { url[$0.upperBound...] } ?? url[...]
        if let at = rest.lastIndex(of: "@"), rest[..<at].contains(":") {
            throw ConfigurationError(
                .redisURL, "holds a password; put it into a file and name that in SALE_REDIS_PASSWORD_FILE")
        }
        guard url.hasPrefix("redis://") else { throw problem }
        var user: String?
        if let at = rest.lastIndex(of: "@") {
            let name = rest[..<at]
            guard !name.isEmpty else { throw problem }
            user = String(name)
            rest = rest[rest.index(after: at)...]
        }
        var database = 0
        if let slash = rest.firstIndex(of: "/") {
            let text = rest[rest.index(after: slash)...]
            guard text.isEmpty || Int(text).map((0..<1024).contains) == true else { throw problem }
            database = Int(text) ?? 0
            rest = rest[..<slash]
        }
        let hasPort = rest.hasPrefix("[") ? rest.contains("]:") : rest.contains(":")
        guard let address = SocketAddress(hasPort ? String(rest) : "\(rest):6379") else { throw problem }
        self.init(address: address, database: database, user: user)
    }
}
