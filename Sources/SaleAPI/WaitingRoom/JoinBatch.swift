import EventLoop
import HTTPEdge
import LuaScripts
import RedisClient
import Shared

/// Joins of one sale that one call of join.lua decides.
final class JoinBatch: Batch {
    /// What is needed to answer one join.
    struct Join {
        let exchange: Exchange
        let charge: RateLimiter.Charge
        /// The buyer's name within `buyers`.
        let buyer: Range<Int>
    }

    static func keys(of sale: SaleKeys) -> [String] { [sale.sale, sale.stock, sale.tickets, sale.joined] }

    let call = ScriptCall(.join)
    private(set) var joins: [Join] = []
    private var buyers = ByteBuffer(capacity: 1024)
    var expired = 0
    /// Redis' reply, kept until it is confirmed.
    var reply: JoinReply?

    var count: Int { joins.count }
    func arrival(of index: Int) -> Instant { joins[index].exchange.arrivedAt }

    func append(buyer: Span<UInt8>, _ charge: RateLimiter.Charge, _ exchange: Exchange) {
        let start = buyers.count
        buyers.append(buyer)
        joins.append(Join(exchange: exchange, charge: charge, buyer: start..<buyers.count))
    }

    /// Calls `body` with the buyer's name.
    func withBuyer<R>(of join: Join, _ body: (Span<UInt8>) -> R) -> R {
        buyers.withBytes { body($0.extracting(join.buyer)) }
    }

    /// Composes the call from the batch's joins.
    func compose(keys: [String], runID: String) {
        call.removeItems()
        call.begin(keys: keys, [runID])
        for join in joins { withBuyer(of: join) { call.append($0) } }
    }

    func dropExpired() {
        joins.removeFirst(expired)
        expired = 0
    }

    func clear() {
        joins.removeAll(keepingCapacity: true)
        buyers.removeAll()
        expired = 0
        reply = nil
    }
}
