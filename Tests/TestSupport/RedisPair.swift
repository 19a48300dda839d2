import Foundation
import Glibc
package import RedisClient
import Shared

/// A primary and its replica behind one address: `url` always leads to the current primary, like an address that moves.
package final class RedisPair: @unchecked Sendable {
    // Unchecked, because only one test uses it.
    package private(set) var primary: RedisServer
    package private(set) var replica: RedisServer
    /// The settings of each, without the primary that it follows.
    private var primarySettings: [String]
    private var replicaSettings: [String]
    private let directory: TemporaryDirectory

    package init() throws {
        // By default, a first copy waits five seconds for another replica to share it, and there is none.
        let settings = ["--min-replicas-to-write", "1", "--repl-diskless-sync-delay", "0"]
        primarySettings = RedisServer.followed() + settings
        replicaSettings = RedisServer.followed() + settings
        primary = try RedisServer(primarySettings)
        replica = try primary.replica(replicaSettings)
        directory = try TemporaryDirectory()
        try pointAtPrimary()
    }

    /// The value for SALE_REDIS_URL.
    package var url: String { "unix://\(directory.path("primary.sock"))" }

    /// Connects to the current primary, patiently (`RedisServer.connect`).
    package func connect() throws -> BlockingRedis {
        try BlockingRedis(RedisEndpoint(url: url), name: "test", timeoutMilliseconds: 10_000)
    }

    /// Kills the primary, and restarts the replica as the new primary: what it has not received by now it never will.
    /// The old primary comes back as its replica.
    package func failOver() throws {
        primary.crash()
        replica.crash()
        try replica.restart(replicaSettings)
        (primary, replica) = (replica, primary)
        (primarySettings, replicaSettings) = (replicaSettings, primarySettings)
        try pointAtPrimary()
        try replica.restart(["--replicaof", "127.0.0.1", primary.port] + replicaSettings)
    }

    private func pointAtPrimary() throws {
        let next = directory.path("next.sock")
        guard symlink(primary.socket, next) == 0, rename(next, directory.path("primary.sock")) == 0 else {
            throw NSError(domain: "the address can't be moved", code: Int(errno))
        }
    }
}
