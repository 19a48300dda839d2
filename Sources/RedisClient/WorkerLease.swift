package import EventLoop
package import Shared

/// The right to work on a Redis: to store its orders, and to change what is stored. The database's lock keeps two
/// workers from one database; this keeps workers with two databases, such as one that was restored elsewhere and the
/// one that it replaces, from storing a part of the orders each.
///
/// A worker that takes over with the same database, whatever its name, need not wait until the lease expires: nobody
/// else can hold that database's lock.
///
/// A worker that hangs for longer than the lease lasts may find that another has taken over. So what takes entries off
/// the pending list asks for the lease in the same step (acknowledge.lua, deadletter.lua).
package final class WorkerLease {
    /// How long a worker that has gone without giving the lease back keeps out one with another database. Comparing or
    /// erasing a sale of a million buyers takes a few seconds.
    private static let milliseconds = 10_000
    private static let renewMilliseconds = 1000

    /// The lease belongs to somebody else.
    package struct HeldElsewhere: Error, CustomStringConvertible {
        let holder: String

        package var description: String {
            "\(holder) is storing these orders in another database; stop one of the two"
        }
    }

    /// The database as the lease names it: one word.
    let database: String
    private let name: String
    /// nil until it is held.
    private var nextRenewal: Instant?

    /// - Parameters:
    ///   - name: who asks, for whoever is refused.
    ///   - lock: the database's lock file.
    package init(name: String, lock: FileIdentity) throws(FileError) {
        // The same device and inode mean something else on another machine, and after a reboot.
        let boot = String(decoding: try File.read("/proc/sys/kernel/random/boot_id", limit: 64), as: UTF8.self)
        database = "\(boot.split(whereSeparator: \.isNewline).first ?? ""):\(lock)"
        self.name = name
    }

    /// Holds the lease for work that is done before it expires, and gives it back; throws `HeldElsewhere`.
    package func hold<Result>(on redis: BlockingRedis, during work: () throws -> Result) throws -> Result {
        try hold(on: redis, now: .now)
        // If this fails, it expires.
        defer { try? giveBack(on: redis) }
        return try work()
    }

    /// Takes the lease, or renews it once a second; throws `HeldElsewhere`.
    ///
    /// Throws `noLease`, until `restart`, if it could not be renewed in time: a worker with another database may have
    /// acknowledged what this one lacks, even if the lease is free again.
    package func hold(on redis: BlockingRedis, now: Instant) throws {
        if let nextRenewal, now < nextRenewal { return }
        let holder = try redis.lease(
            for: database, name: name, milliseconds: Self.milliseconds, isRenewal: nextRenewal != nil)
        if let holder { throw HeldElsewhere(holder: holder) }
        nextRenewal = now.advanced(milliseconds: Self.renewMilliseconds)
    }

    /// Takes it anew before anything else: a new connection may lead to another Redis.
    package func restart() { nextRenewal = nil }

    /// Gives the lease back, so that nobody waits for it to expire.
    package func giveBack(on redis: BlockingRedis) throws {
        restart()
        _ = try redis.lease(for: database, name: name, milliseconds: 0, isRenewal: false)
    }
}
