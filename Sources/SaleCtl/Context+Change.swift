import OrderStore
import RedisClient
import Shared

/// The steps of a change. A failure says how far the change has got, and what to do about it.
extension Context {
    /// Makes a change. If its reply is lost, the failure says that it may have been made.
    func change<R>(
        _ sale: SaleID, otherwise advice: String? = nil, _ change: () throws(RedisError) -> R
    ) throws -> R {
        do throws(RedisError) {
            return try change()
        } catch {
            guard error.effect == .unknown else { throw error }
            let advice = advice ?? "look at `salectl show \(sale)` before trying again"
            throw CommandFailure("\(error): it may have been done; \(advice)", ExitCode.temporaryFailure)
        }
    }

    /// Why a sale was not changed. If Redis does not have it, SQLite may know more.
    func failure(_ refusal: ChangeRefusal, _ sale: SaleID) -> CommandFailure {
        guard refusal == .unknownSale, let stored = storedIfReadable(sale) else {
            return CommandFailure(refusal, sale)
        }
        return stored.archivedAt == nil ? CommandFailure(lost: sale) : CommandFailure(.archived, sale)
    }

    /// Waits until as many replicas as required have the change.
    func confirm(_ redis: BlockingRedis) throws {
        try afterwards("a failover could take it back; look again") {
            try redis.confirm(replicas: environment.redisReplicas())
        }
    }

    /// Reads a sale that has just been changed, once the replicas have that; fails if the change was refused.
    func changed(
        _ sale: SaleID, on redis: BlockingRedis, unless refusal: ChangeRefusal? = nil
    ) throws -> StatusReport {
        if let refusal { throw failure(refusal, sale) }
        try confirm(redis)
        return try afterwards("look again") { try StatusReport.read(sale, on: redis, stored: storedIfReadable(sale)) }
    }

    /// A step after a change. If it fails, the change has been made all the same, as far as `progress` says; the
    /// consequence says what to do.
    func afterwards<R>(_ consequence: String, _ progress: String = "done", _ step: () throws -> R) throws -> R {
        do {
            return try step()
        } catch {
            throw CommandFailure(
                "\(progress), but \(CommandFailure(error).message): \(consequence)", ExitCode.temporaryFailure)
        }
    }
}
