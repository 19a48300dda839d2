import EventLoop
import OrderStore
import RedisClient
import Shared

/// What happens after a failure, by its kind:
///
/// - **It passes** (Redis is away; SQLite is busy, its disk is full or does not answer): the work is tried again until
///   it succeeds, and no entry is set aside for it. The waits are random up to 50 ms, then 100, 200, 400, 800, and 1000
///   from the sixth on: half a second on average, so a service that is back is noticed within a second.
/// - **An entry is wrong** (it can't be read, or contradicts what is stored): it becomes a dead letter at once
///   (`Outcome.rejected`).
/// - **SQLite can't take a row** (`StoreError.concernsRow`): the batch is stored once more with a savepoint around each
///   entry. However many entries are wrong, that is one more transaction, and one more try for each neighbour.
/// - **The worker dies**: an entry that has been delivered `deliveriesMax` times is tried by itself. If workers die of
///   just that, it becomes a dead letter (`OrderStore.tryAlone`).
struct RetryPolicy {
    /// Deliveries from which on an entry is suspected. Four crashes may have any cause, and cost a restart each.
    static let deliveriesMax = 5

    /// What has failed.
    enum Kind: Hashable {
        case redis(RedisError.Code)
        /// By SQLite's primary result code (sqlite.org/rescode.html).
        case store(Int32)
        case other

        fileprivate init(of error: any Error) {
            self =
                switch error {
                case let error as RedisError: .redis(error.code)
                case let error as StoreError: .store(error.code & 0xFF)
                default: .other
                }
        }

        /// What the log calls it.
        var event: StaticString {
            switch self {
            case .redis: "redis_failed"
            case .store: "store_failed"
            case .other: "worker_failed"
            }
        }
    }

    /// Failures in a row.
    struct Outage {
        let since: Instant
        fileprivate(set) var failures = 0
        /// What has failed so far, each logged once: what begins as silence may go on because replicas are missing.
        fileprivate var kinds: Set<Kind> = []
    }

    /// What to do now.
    struct Verdict {
        let waitMilliseconds: Int
        /// The event to log; nil if it has been logged.
        let event: StaticString?
    }

    private var backoff = Backoff()
    private(set) var outage: Outage?

    /// Something failed, and will be tried again.
    mutating func failed(_ error: any Error, now: Instant, using random: inout some RandomNumberGenerator) -> Verdict {
        let kind = Kind(of: error)
        var outage = self.outage ?? Outage(since: now)
        outage.failures += 1
        let isNew = outage.kinds.insert(kind).inserted
        self.outage = outage
        return Verdict(waitMilliseconds: backoff.next(using: &random), event: isNew ? kind.event : nil)
    }

    /// Everything worked. Returns the outage that this ends.
    mutating func succeeded() -> Outage? {
        backoff.reset()
        return outage.take()
    }
}
