import OrderStore
import RedisClient
import Shared

extension Operation.Letters {
    func redrive(_ store: OrderStore, _ redis: BlockingRedis) throws -> String {
        let (results, persisted) = try store.redrive(sale, ids, reason: reason, rehearsing: isRehearsal)
        if !isRehearsal { try settle(results, persisted, redis) }
        return LetterResults(results).json
    }

    func discard(_ store: OrderStore) throws -> String {
        LetterResults(try store.discard(sale, ids, reason: reason, rehearsing: isRehearsal)).json
    }

    /// Has Redis follow: how far the sale is stored, and what is not pending any more. A letter that was redriven before is
    /// among them, in case Redis was away just then; one that is on no pending list changes nothing.
    private func settle(_ results: [LetterResult], _ persisted: Int, _ redis: BlockingRedis) throws {
        let stored = results.filter { [.applied, .alreadyThere].contains($0.outcome) || $0.isRedriven }
        guard !stored.isEmpty else { return }
        let keys = SaleKeys(sale)
        try redis.run(
            .settle, keys: [keys.sale, keys.orders],
            [RedisArgument(SaleKeys.group), RedisArgument(persisted)] + stored.map { RedisArgument($0.id) })
    }
}

extension LetterResult {
    fileprivate var isRedriven: Bool { outcome == .skipped && message.hasPrefix("was redriven") }
}
