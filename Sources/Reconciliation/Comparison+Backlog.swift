package import OrderStore
import Shared

extension Comparison {
    /// Whether both will be equal once the worker has stored its backlog.
    package static func isEqual(afterBacklogOf redis: RedisSale?, _ sqlite: StoredSale?) -> Bool {
        guard var redis, let sqlite else { return false }
        let later = sqlite.storing(redis.backlog)
        redis.backlog = []
        return Comparison(later.record.sale, redis: redis, sqlite: later).isEqual
    }
}

extension StoredSale {
    /// The sale as SQLite will have it once the worker has stored these events of its stream.
    fileprivate func storing(_ events: [OrderEvent]) -> StoredSale {
        var stored = self
        var positions = Set(orders.map(\.id.position))
        for event in events {
            switch event {
            case .order(let order):
                guard positions.insert(order.id.position).inserted else { continue }
                stored.orders.append(order)
                stored.sold += order.quantity
                for index in stored.losses.indices
                where stored.losses[index].positions.contains(order.id.position) && !stored.losses[index].isReleased {
                    stored.losses[index].units = max(0, stored.losses[index].units - order.quantity)
                }
            case .set(let change):
                if let title = change.title { stored.record.title = title }
                stored.record.settings.apply(change)
            case .restock(let units, _): stored.record.stockTotal += units
            case .release: for index in stored.losses.indices { stored.losses[index].isReleased = true }
            // The first event of a stream that was begun again, which this database is too old to know: it holds the
            // result of all changes before it, restocks included.
            case .create(let record) where record.epoch > stored.record.epoch:
                stored.record.title = record.title
                stored.record.settings = record.settings
                stored.record.stockTotal = record.stockTotal
                stored.record.epoch = record.epoch
                stored.undecidedRestock = 0
            // Neither changes anything that is compared.
            case .create, .archive: break
            }
        }
        return stored
    }
}
