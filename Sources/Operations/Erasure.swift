import OrderStore
import RedisClient
import Shared

/// Forgets who a buyer of an ended sale was.
struct Erasure {
    let sale: SaleID
    let buyer: String
    let reason: String

    func run(_ store: OrderStore, _ redis: BlockingRedis) throws -> String {
        throw OperationRefused(.notAllowed, "erasure is not part of this release")
    }
}
