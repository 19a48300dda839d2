import HTTPEdge
import RedisClient
import Shared

/// Purchases of one sale that are decided by one script call.
final class Batch {
    /// What is needed to answer one of them.
    struct Purchase {
        let exchange: Exchange
        let quantity: Int
        let charge: RateLimiter.Charge
        /// Seconds that this buyer waits longer than it must, where it waits for its turn.
        let jitter: UInt8
        /// Bytes of the batch's arguments up to and with this one's.
        let argumentsEnd: Int
    }

    /// Arguments that purchase.lua takes for each purchase.
    private static let argumentsEach = 4

    let call = ScriptCall(.purchase)
    private(set) var purchases: [Purchase] = []
    /// What Redis said to each, kept until it is known to be safe.
    var decisions: [Decision] = []
    /// Redis' time when it said so.
    var decidedAt = UnixMilliseconds(0)
    /// Units left after the batch.
    var remaining = 0
    /// The uuid of the sale that decided it.
    var uuid = ""
    /// How many from the front have been answered because their time was up.
    var expired = 0
    /// It was sent and the answer lost: it may have been decided, and only a decision can tell.
    var mayHaveRun = false

    var count: Int { purchases.count }

    /// Readies a used batch for another round.
    func clear() {
        call.removeItems()
        purchases.removeAll(keepingCapacity: true)
        decisions.removeAll(keepingCapacity: true)
        expired = 0
        mayHaveRun = false
    }

    /// - Parameter ticket: what is made of the ticket that came with it; empty where none did.
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

    /// Takes out what has expired, before a first sending: it was told that nothing was done, so nothing may be.
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
