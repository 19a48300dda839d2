import Foundation
import Glibc
package import RedisClient
import Shared
import Synchronization

/// A real redis-server for one test, on a Unix socket in a directory of its own.
package final class RedisServer: @unchecked Sendable {
    // Unchecked, because only one test uses it.
    package let directory: TemporaryDirectory
    private var process: ChildProcess
    private var settings: [String]
    /// The test's own login, if the server has users.
    private let login: String?

    /// The settings that strict durability requires, and the one that we deliver with a sale.
    package static let strict = [
        "--appendonly", "yes", "--appendfsync", "always", "--no-appendfsync-on-rewrite", "no", "--maxmemory-policy",
        "noeviction", "--save", "", "--auto-aof-rewrite-percentage", "0",
    ]

    /// Starts a server. `settings` come after the strict ones and so override them. `users` is the text of an ACL file,
    /// to which a user for the test is added.
    package init(_ settings: [String] = [], users: String? = nil) throws {
        // hiredis writes to a connection that Redis has closed.
        signal(SIGPIPE, SIG_IGN)
        directory = try TemporaryDirectory()
        self.settings = settings
        login = users == nil ? nil : "test"
        if let users {
            let path = directory.path("users.acl")
            try (users + "user test on >test ~* &* +@all\n").write(toFile: path, atomically: true, encoding: .utf8)
            self.settings += ["--aclfile", path]
        }
        process = try Self.start(directory, self.settings)
        try awaitReady()
    }

    /// The settings of a server that replicas can follow: replication works only over TCP.
    package static func followed() -> [String] { ["--bind", "127.0.0.1", "--port", "\(freePort())"] }

    /// The TCP port of a server whose settings include `followed`.
    package var port: String {
        guard let at = settings.firstIndex(of: "--port") else { preconditionFailure("nobody can follow this server") }
        return settings[at + 1]
    }

    /// Starts a replica of this server, whose settings must include `followed`, and waits until both servers report it
    /// and the replica has written its append-only file.
    package func replica(_ settings: [String] = [], users: String? = nil) throws -> RedisServer {
        let redis = try connect()
        let others = try redis.replicas().count
        let replica = try RedisServer(["--replicaof", "127.0.0.1", port] + settings, users: users)
        let follower = try replica.connect()
        let follows = try eventually {
            try redis.replicas().count == others + 1 && isCounted(others + 1, by: redis) && isFilled(follower)
        }
        guard follows else { throw NSError(domain: "the replica does not follow", code: 1) }
        return replica
    }

    /// Whether a replica has all of its primary's data, also in its append-only file, which it then writes anew.
    private func isFilled(_ replica: BlockingRedis) throws -> Bool {
        let info = try replica.command(["INFO"])
        let text = info.string ?? ""
        return text.contains("master_link_status:up") && text.contains("aof_rewrite_in_progress:0")
            && text.contains("aof_rewrite_scheduled:0")
    }

    /// Whether a primary that requires replicas for writes has counted these, which it does once a second: before that,
    /// it refuses writes.
    private func isCounted(_ replicas: Int, by redis: BlockingRedis) throws -> Bool {
        let info = try redis.command(["INFO", "replication"])
        let text = info.string ?? ""
        return !text.contains("min_slaves_good_slaves") || text.contains("min_slaves_good_slaves:\(replicas)")
    }

    /// A port of the loopback interface that nobody listens on, and that no other test of this process is given: below
    /// those that the kernel gives to clients (ip_local_port_range), which could take it before its server does.
    package static func freePort() -> UInt16 {
        while true {
            let port = ports.next()
            let descriptor = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(descriptor) }
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            let isFree = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
                }
            }
            if isFree { return port }
        }
    }

    private static let ports = Ports()

    /// Ports 12,000 to 31,999 in a circle, from anywhere, so that two test processes seldom meet.
    private final class Ports: Sendable {
        private let last = Mutex(UInt16.random(in: 0..<20_000))

        func next() -> UInt16 {
            last.withLock {
                $0 = ($0 + 1) % 20_000
                return 12_000 + $0
            }
        }
    }

    /// The socket's path.
    package var socket: String { directory.path("redis.sock") }
    /// The value for SALE_REDIS_URL.
    package var url: String { "unix://\(socket)" }

    /// Makes a blocking connection. It is patient, because a machine may stand still for seconds.
    package func connect() throws -> BlockingRedis {
        var endpoint = try RedisEndpoint(url: url)
        (endpoint.user, endpoint.password) = (login, login)
        return try BlockingRedis(endpoint, name: "test", timeoutMilliseconds: 10_000)
    }

    /// Kills the server, and waits for its end.
    package func crash() {
        process.stop(SIGKILL)
    }

    /// Starts the server again on the same data after `crash`, with other settings if they are given.
    package func restart(_ settings: [String]? = nil) throws {
        if let settings { self.settings = settings }
        unlink(socket)
        process = try Self.start(directory, self.settings)
        try awaitReady()
    }

    package func pause() { process.signal(SIGSTOP) }
    package func resume() { process.signal(SIGCONT) }

    private static func start(_ directory: TemporaryDirectory, _ settings: [String]) throws -> ChildProcess {
        try ChildProcess(
            URL(fileURLWithPath: "/usr/bin/redis-server"),
            ["--port", "0", "--unixsocket", directory.path("redis.sock"), "--dir", directory.url.path] + strict
                + settings,
            errorLog: directory.url.appendingPathComponent("redis.err"))
    }

    private func awaitReady() throws {
        let ready = eventually {
            guard let redis = try? connect() else { return false }
            return (try? redis.command(["PING"])) != nil
        }
        if !ready { throw NSError(domain: "redis-server did not start: \(process.errors)", code: 1) }
    }
}

extension RedisServer {
    /// The size of the append-only file in bytes: unchanged if nothing was written.
    package func bytesAppended(_ redis: BlockingRedis) throws -> Int {
        let reply = try redis.command(["INFO", "persistence"])
        let info = reply.string ?? ""
        let line = info.split(whereSeparator: \.isNewline).first { $0.hasPrefix("aof_current_size:") }
        return line.flatMap { Int($0.dropFirst("aof_current_size:".count)) } ?? -1
    }
}
