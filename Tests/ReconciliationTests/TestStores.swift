import OrderStore
import Reconciliation
import Shared

/// Two equal stores of a sale that has sold three of ten units.
enum TestStores {
    static let sale = SaleID("demo")!

    static func order(_ position: Int, buyer: String? = nil, quantity: Int = 1) -> Order {
        Order(
            id: OrderID(sale: sale, position: position), buyer: buyer ?? "b\(position)", quantity: quantity, key: "k",
            trace: String(repeating: "0", count: 32), securedAt: UnixMilliseconds(1000), epoch: 1)
    }

    static func equal() -> (redis: RedisSale, sqlite: StoredSale) {
        let settings = SaleSettings(opensAt: nil, closesAt: nil, paused: false)
        let status = SaleStatus(
            sale: sale, uuid: "u", title: "t", stockTotal: 10, remaining: 7, position: 3, maxPerBuyer: 2,
            settings: settings, epoch: 1, servingRunID: "r", persistedPosition: 3, readAt: UnixMilliseconds(2000))
        let record = SaleRecord(
            sale: sale, uuid: "u", title: "t", stockTotal: 10, maxPerBuyer: 2, settings: settings, pseudonymKey: "ab",
            epoch: 1, createdAt: UnixMilliseconds(500))
        var stored = StoredSale(record: record, sold: 3, persistedPosition: 3)
        stored.orders = (1...3).map { order($0) }
        return (RedisSale(status: status, wins: [1: order(1), 2: order(2), 3: order(3)]), stored)
    }
}
