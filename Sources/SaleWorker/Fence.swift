import EventLoop
import OrderStore
import Reconciliation
import RedisClient
import Shared

/// Lifts the fence of a sale: a Redis that was started anew may sell it once everything in its stream is stored, and both
/// stores tell the same story.
///
/// The run_id of a Redis can't change while a connection to it lives, so a sale is looked at once per connection, and then
/// only while it stays fenced.
final class Fence {
    /// A comparison reads every buyer; a sale that stays fenced is looked at again once a second.
    private static let retryMilliseconds = 1000

    private let store: OrderStore
    private let log: Log
    /// Sales that the Redis at the other end may sell.
    private var lifted: Set<SaleID> = []
    private var nextLook: [SaleID: Instant] = [:]
    /// What was said last of a sale that stays fenced, so that it is said once.
    private var said: [SaleID: String] = [:]

    init(store: OrderStore, log: Log) {
        self.store = store
        self.log = log
    }

    /// A new connection may lead to another Redis.
    func restart() {
        lifted = []
        nextLook = [:]
    }

    /// Looks at a sale whose stream has been read to its end.
    func consider(_ sale: SaleID, on redis: BlockingRedis, now: Instant) throws {
        guard !lifted.contains(sale), nextLook[sale].map({ $0 <= now }) ?? true else { return }
        nextLook[sale] = now.advanced(milliseconds: Self.retryMilliseconds)
        let status: SaleStatus?
        do throws(RedisError) {
            status = try redis.status(sale)
        } catch {
            guard error.code == .unexpectedReply else { throw error }
            return keep(sale, ["Redis lacks a part of the sale: \(error.message)"])
        }
        guard let status else { return keep(sale, ["Redis has lost the sale"]) }
        if status.servingRunID == redis.facts.runID {
            lifted.insert(sale)
            said[sale] = nil
            return
        }
        let found: RedisSale?
        do {
            found = try RedisSale.read(sale, from: redis)
        } catch is SaleIsMoving {
            return
        }
        let comparison = Comparison(sale, redis: found, sqlite: try store.account(of: sale))
        guard comparison.isEqual, let found else { return keep(sale, comparison.differences.map(\.description)) }
        guard try redis.stamp(found.status) else { return }
        lifted.insert(sale)
        said[sale] = nil
        log.write(.info, "fence_lifted") {
            $0.appendMember("sale", "\(sale)")
            $0.appendMember("run_id", redis.facts.runID)
            $0.appendMember("orders", comparison.orders)
            $0.appendMember("epoch", found.status.epoch)
        }
    }

    /// The sale stays fenced: said plainly, once for each new reason.
    func keep(_ sale: SaleID, _ reasons: [String]) {
        let reason = reasons.prefix(3).joined(separator: "; ")
        guard said.updateValue(reason, forKey: sale) != reason else { return }
        log.write(.error, "fence_kept") {
            $0.appendMember("sale", "\(sale)")
            $0.appendMember("differences", reasons.count)
            $0.appendMember("reason", reason)
            $0.appendMember("hint", "it sells nothing; salectl reconcile \(sale) shows both sides")
        }
    }
}
