import Foundation
import Glibc
package import RedisClient
import Shared

/// A primary, two replicas and three Sentinels, all real, on loopback TCP.
package final class RedisFleet: @unchecked Sendable {
    // Unchecked, because only one test uses it.
    /// The name by which the Sentinels know the primary.
    private static let name = "sale"

    /// The servers; the first was the primary at the start.
    package let servers: [RedisServer]
    /// The test's own login to the servers, if they have users.
    private let login: String?
    private var sentinels: [ChildProcess] = []
    private let directory: TemporaryDirectory
    private var ports: [UInt16] = []

    /// Starts all of them. A primary counts as down after `downAfterMilliseconds`. `settings` are for the servers.
    package convenience init(_ settings: [String] = [], downAfterMilliseconds: Int = 1000) throws {
        try self.init(
            settings, users: nil,
            sentinel: """
                port 26379
                bind 127.0.0.1
                dir /var/lib/redis
                sentinel monitor \(Self.name) 127.0.0.1 6379 2
                sentinel down-after-milliseconds \(Self.name) \(downAfterMilliseconds)
                sentinel failover-timeout \(Self.name) 4000

                """)
    }

    /// All of them with the users and the settings of Sentinels that are delivered.
    package static func delivered() throws -> RedisFleet {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../deploy/redis")
        return try RedisFleet(
            ["--masteruser", "replica", "--masterauth", "CHANGE-ME-replica"],
            users: String(contentsOf: folder.appendingPathComponent("users.acl"), encoding: .utf8),
            sentinel: String(contentsOf: folder.appendingPathComponent("sentinel.conf"), encoding: .utf8))
    }

    private init(_ settings: [String], users: String?, sentinel: String) throws {
        let settings = ["--min-replicas-to-write", "1", "--repl-backlog-size", "64mb"] + settings
        let primary = try RedisServer(RedisServer.followed() + settings, users: users)
        let replicas = try (0..<2).map { _ in try primary.replica(RedisServer.followed() + settings, users: users) }
        servers = [primary] + replicas
        login = users == nil ? nil : "test"
        directory = try TemporaryDirectory()
        for index in 0..<3 {
            let port = RedisServer.freePort()
            ports.append(port)
            try sentinel
                .replacing("port 26379", with: "port \(port)")
                .replacing("dir /var/lib/redis", with: "dir \(directory.url.path)")
                .replacing(" 127.0.0.1 6379 2", with: " 127.0.0.1 \(primary.port) 2")
                .write(toFile: sentinelFile(index), atomically: true, encoding: .utf8)
            try startSentinel(index)
        }
        let ready = eventually {
            ports.allSatisfy { port in
                let facts = (try? Self.cli(port, ["SENTINEL", "MASTER", Self.name])) ?? ""
                return facts.contains("num-slaves\n2\n") && facts.contains("num-other-sentinels\n2\n")
            }
        }
        guard ready else { throw NSError(domain: "the Sentinels don't know each other", code: 1) }
    }

    private func sentinelFile(_ index: Int) -> String { directory.path("sentinel-\(index).conf") }

    private func startSentinel(_ index: Int) throws {
        sentinels.append(
            try ChildProcess(
                URL(fileURLWithPath: "/usr/bin/redis-server"), [sentinelFile(index), "--sentinel"],
                errorLog: directory.url.appendingPathComponent("sentinel-\(index).err")))
    }

    package func stopSentinels() {
        for sentinel in sentinels { sentinel.signal(SIGKILL) }
        for sentinel in sentinels { sentinel.wait() }
        sentinels = []
    }

    /// Starts them again, each after `edit` has been called with the path of its file.
    package func startSentinels(after edit: (String) throws -> Void) throws {
        for index in ports.indices {
            try edit(sentinelFile(index))
            try startSentinel(index)
        }
    }

    /// The value for SALE_REDIS_URL.
    package var url: String { url(of: nil) }

    /// The value for SALE_REDIS_URL of a program that logs in as this user.
    package func url(of user: String?) -> String {
        let login = user.map { "\($0)@" } ?? ""
        let sentinels = ports.map { "127.0.0.1:\($0)" }.joined(separator: ",")
        return "redis+sentinel://\(login)\(sentinels)/\(Self.name)"
    }

    /// Connects to the current primary, patiently (`RedisServer.connect`).
    package func connect() throws -> BlockingRedis {
        var endpoint = try RedisEndpoint(url: url)
        (endpoint.user, endpoint.password) = (login, login)
        return try BlockingRedis(endpoint, name: "test", timeoutMilliseconds: 10_000)
    }

    /// The current primary; nil while there is none.
    package func primary() -> RedisServer? {
        guard let connection = try? connect() else { return nil }
        return servers.first { "\(connection.address)".hasSuffix(":\($0.port)") }
    }

    /// Stops and continues a Sentinel (SIGSTOP, SIGCONT).
    package func pauseSentinel(_ index: Int) { sentinels[index].signal(SIGSTOP) }
    package func resumeSentinel(_ index: Int) { sentinels[index].signal(SIGCONT) }

    /// Makes Sentinels believe that their clocks jumped: for 30 seconds they do nothing.
    package func tiltSentinels(_ indices: ClosedRange<Int>) -> Bool {
        for index in indices { pauseSentinel(index) }
        // More than two seconds (redis 7.0.15: SENTINEL_TILT_TRIGGER).
        sleep(3)
        for index in indices { resumeSentinel(index) }
        return eventually { indices.allSatisfy { isInTilt($0) == true } }
    }

    /// nil if that Sentinel does not answer.
    package func isInTilt(_ index: Int) -> Bool? {
        try? Self.cli(ports[index], ["INFO", "sentinel"]).contains("sentinel_tilt:1")
    }

    /// Keeps everybody from hearing what these Sentinels announce.
    package func muteSentinels(_ indices: ClosedRange<Int> = 0...2) throws {
        for port in ports[indices] {
            let answer = try Self.cli(port, ["ACL", "SETUSER", "default", "-subscribe"])
            guard answer == "OK\n" else { throw NSError(domain: "ACL SETUSER: \(answer)", code: 1) }
        }
    }

    /// Lets the replicas refuse, or no longer refuse, to become a primary: a Sentinel that has chosen one keeps trying,
    /// and then gives up.
    package func refusePromotion(_ isRefused: Bool) throws {
        for replica in servers[1...] {
            try replica.connect().command(["ACL", "SETUSER", "default", "\(isRefused ? "-" : "+")slaveof"])
        }
    }

    /// What redis-cli prints of a Sentinel's answer; it does not log in.
    package func askSentinel(_ index: Int, _ words: [String]) throws -> String { try Self.cli(ports[index], words) }

    /// Makes the first Sentinel promote a replica.
    package func failOver() throws {
        let answer = try Self.cli(ports[0], ["SENTINEL", "FAILOVER", Self.name])
        guard answer == "OK\n" else { throw NSError(domain: "SENTINEL FAILOVER: \(answer)", code: 1) }
    }

    /// Kills a Sentinel, and waits for its end.
    package func crashSentinel(_ index: Int) {
        sentinels[index].stop(SIGKILL)
    }

    /// Whether every Sentinel reports this fact for both replicas.
    package func sentinelsSay(_ name: String, _ value: String) throws -> Bool {
        try ports.allSatisfy { port in
            let facts = try Self.cli(port, ["SENTINEL", "REPLICAS", Self.name])
            return facts.components(separatedBy: "\(name)\n\(value)\n").count == 3
        }
    }

    /// Whether each of these Sentinels has a subscriber.
    package func isListenedTo(_ indices: ClosedRange<Int> = 0...2) throws -> Bool {
        try ports[indices].allSatisfy { try Self.cli($0, ["CLIENT", "LIST"]).contains(" sub=2 ") }
    }

    private static func cli(_ port: UInt16, _ words: [String]) throws -> String {
        try ChildProcess.run(URL(fileURLWithPath: "/usr/bin/redis-cli"), ["-p", "\(port)"] + words).output
    }
}
