import OrderStore
import Shared

extension StoredSale {
    /// The sale as SQLite will have it once the worker has stored these events of its stream.
    func storing(_ events: [OrderEvent]) -> StoredSale {
        var stored = self
        var positions = Set(orders.map(\.id.position))
        for event in events {
            switch event {
            case .order(let order):
                guard positions.insert(order.id.position).inserted else { continue }
                stored.orders.append(order)
                stored.sold += order.quantity
            case .set(let change):
                if let title = change.title { stored.record.title = title }
                stored.record.settings.apply(change)
            case .restock(let units, _): stored.record.stockTotal += units
            case .release: for index in stored.losses.indices { stored.losses[index].isReleased = true }
            // Neither changes anything that is compared.
            case .create, .archive: break
            }
        }
        return stored
    }
}
