import EventLoop
import HTTPEdge
import LuaScripts
import RedisClient
import Shared

/// Purchases of one sale that one call of purchase.lua decides.
final class PurchaseBatch: Batch {
    enum Stage {
        /// It gathers, or waits for the batch in front of it.
        case unsent
        /// Redis has it.
        case sent
        /// Redis has decided, and no buyer is answered before that is confirmed.
        case decided
        /// Its answer was lost, or the sale was turned away after an earlier sending: the same call is sent again.
        case lost
    }

    /// What is needed to answer one purchase.
    struct Purchase {
        let exchange: Exchange
        let quantity: Int
        let charge: RateLimiter.Charge
        /// Seconds that this buyer waits longer than it must, if it waits for its turn.
        let jitter: UInt8
        /// Bytes of the batch's arguments up to and including this purchase's.
        let argumentsEnd: Int
    }

    /// Arguments that purchase.lua takes for each purchase.
    private static let argumentsEach = 4

    static func keys(of sale: SaleKeys) -> [String] {
        [sale.sale, sale.stock, sale.position, sale.buyers, sale.orders, sale.tickets]
    }

    let call = ScriptCall(.purchase)
    var stage = Stage.unsent
    /// It was sent and the answer was lost: it may have been decided, and only a decision can tell.
    var mayHaveRun = false
    /// Redis turned it away the first time that it was sent: nothing was done.
    var turnedAway = false
    private(set) var purchases: [Purchase] = []
    /// Redis' decision on each purchase, kept until it is confirmed.
    var decisions: [Decision] = []
    /// Redis' time of these decisions.
    var decidedAt = UnixMilliseconds(0)
    /// Units left after them.
    var remaining = 0
    /// The uuid of the sale that decided it.
    var uuid = ""
    var expired = 0

    var count: Int { purchases.count }
    func arrival(of index: Int) -> Instant { purchases[index].exchange.arrivedAt }

    func clear() {
        stage = .unsent
        call.removeItems()
        purchases.removeAll(keepingCapacity: true)
        decisions.removeAll(keepingCapacity: true)
        expired = 0
        mayHaveRun = false
        turnedAway = false
    }

    /// - Parameter ticket: what `Tickets` made of the purchase's ticket; empty if there was none.
    func append(
        buyer: Span<UInt8>, key: Span<UInt8>, quantity: Int, ticket: Span<UInt8>, _ charge: RateLimiter.Charge,
        _ exchange: Exchange
    ) {
        call.append(buyer)
        call.append(key)
        var jitter = 0
        if ticket.isEmpty {
            call.append(small: quantity)
        } else {
            call.append(small: quantity, ticket)
            jitter = RetryAfter.seconds(base: 0, spread: RetryAfter.turnSpread, buyer: buyer)
        }
        call.append(exchange.trace)
        purchases.append(
            Purchase(
                exchange: exchange, quantity: quantity, charge: charge, jitter: UInt8(jitter),
                argumentsEnd: call.itemBytes))
    }

    func dropExpired() {
        guard expired > 0 else { return }
        let bytes = purchases[expired - 1].argumentsEnd
        call.removeFirst(expired * Self.argumentsEach, bytes: bytes)
        purchases = purchases[expired...].map {
            Purchase(
                exchange: $0.exchange, quantity: $0.quantity, charge: $0.charge, jitter: $0.jitter,
                argumentsEnd: $0.argumentsEnd - bytes)
        }
        expired = 0
    }
}
