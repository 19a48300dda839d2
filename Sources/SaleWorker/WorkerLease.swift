import EventLoop
import RedisClient
import Shared

/// The right to work on a Redis. The database's lock keeps two workers from one database; this keeps workers with two
/// databases, such as one that was restored elsewhere and the one that it replaces, from storing a part of the orders
/// each.
///
/// A worker that takes over with the same database, whatever its name, need not wait until the lease expires: nobody
/// else can hold that database's lock.
struct WorkerLease {
    /// How long a worker that has gone without giving the lease back keeps out one with another database. Comparing or
    /// erasing a sale of a million buyers takes a few seconds.
    private static let milliseconds = 10_000
    private static let renewMilliseconds = 1000

    /// The lease belongs to somebody else.
    struct HeldElsewhere: Error, CustomStringConvertible {
        let holder: String

        var description: String {
            "the worker \(holder) is storing these orders in another database; stop one of the two"
        }
    }

    private let database: String
    private let name: String
    private var nextRenewal = Instant(nanoseconds: 0)

    /// - Parameter lock: the database's lock file.
    init(name: String, lock: FileIdentity) throws(FileError) {
        // The same device and inode mean something else on another machine, and after a reboot.
        let boot = String(decoding: try File.read("/proc/sys/kernel/random/boot_id", limit: 64), as: UTF8.self)
        database = "\(boot.split(whereSeparator: \.isNewline).first ?? ""):\(lock)"
        self.name = name
    }

    /// Takes the lease, or renews it once a second; throws `HeldElsewhere`.
    mutating func hold(on redis: BlockingRedis, now: Instant) throws {
        guard now >= nextRenewal else { return }
        if let holder = try redis.lease(for: database, name: name, milliseconds: Self.milliseconds) {
            throw HeldElsewhere(holder: holder)
        }
        nextRenewal = now.advanced(milliseconds: Self.renewMilliseconds)
    }

    /// Asks again before anything else: a new connection may lead to another Redis.
    mutating func restart() { nextRenewal = Instant(nanoseconds: 0) }

    /// Gives the lease back, so that nobody waits for it to expire.
    func giveBack(on redis: BlockingRedis) throws {
        _ = try redis.lease(for: database, name: name, milliseconds: 0)
    }
}
