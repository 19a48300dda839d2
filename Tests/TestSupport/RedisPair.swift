import Foundation
import Glibc
package import RedisClient
import Shared

/// A primary and its replica behind one address: whoever is the primary is found at `url`, as behind an address that moves.
package final class RedisPair: @unchecked Sendable {
    // One test drives it.
    package private(set) var primary: RedisServer
    package private(set) var replica: RedisServer
    /// The settings of each, but for whom it follows.
    private var primarySettings: [String]
    private var replicaSettings: [String]
    private let directory: TemporaryDirectory

    package init() throws {
        // There is no other replica to come: by default a first copy waits five seconds for one to share it with.
        let settings = ["--min-replicas-to-write", "1", "--repl-diskless-sync-delay", "0"]
        primarySettings = RedisServer.followed() + settings
        replicaSettings = RedisServer.followed() + settings
        primary = try RedisServer(primarySettings)
        replica = try primary.replica(replicaSettings)
        directory = try TemporaryDirectory()
        try pointAtPrimary()
    }

    /// For SALE_REDIS_URL.
    package var url: String { "unix://\(directory.path("primary.sock"))" }

    /// A connection to whoever is the primary now.
    package func connect() throws -> BlockingRedis { try BlockingRedis(RedisEndpoint(url: url), name: "test") }

    /// Loses the primary, and starts the replica anew to take its place: what it has not read by now it will never have.
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
